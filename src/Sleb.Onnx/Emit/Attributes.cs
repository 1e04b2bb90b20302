using Google.Protobuf;
using Sleb.Onnx.Protos;
using Kind = Sleb.Onnx.Protos.AttributeProto.Types.AttributeType;

namespace Sleb.Onnx.Emit;

/// <summary>A node's attributes, typed as the format wants them.</summary>
internal static class Attributes
{
    public static AttributeProto Int(string name, long value) => new() { Name = name, I = value, Type = Kind.Int };

    public static AttributeProto Ints(string name, params ReadOnlySpan<long> values)
    {
        var attribute = new AttributeProto { Name = name, Type = Kind.Ints };
        foreach (long value in values) attribute.Ints.Add(value);
        return attribute;
    }

    public static AttributeProto Float(string name, float value) => new() { Name = name, F = value, Type = Kind.Float };

    public static AttributeProto Text(string name, string value) => new() { Name = name, S = ByteString.CopyFromUtf8(value), Type = Kind.String };
}
