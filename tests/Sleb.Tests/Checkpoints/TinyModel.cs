using System.Buffers.Binary;
using System.Text;
using Sleb.Core.Checkpoints;
using Sleb.Core.Families;

namespace Sleb.Tests.Checkpoints;

/// <summary>Checkpoint files made on the spot: good ones of any number of blocks, and raw bytes for bad ones.</summary>
internal static class TinyModel
{
    public const string Config = """{"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 4, "num_attention_heads": 2}""";

    /// <summary>A safetensors file with this header text and so many data bytes of zero.</summary>
    public static byte[] File(string header, int dataBytes) => File(Encoding.UTF8.GetBytes(header), dataBytes);

    public static byte[] File(byte[] header, int dataBytes)
    {
        byte[] file = new byte[8 + header.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(file, header.Length);
        header.CopyTo(file, 8);
        return file;
    }

    /// <summary>A Llama-style folder of <paramref name="blocks"/> blocks, two tensors each, every element another small number.</summary>
    public static string Write(string folder, int blocks = 4, TensorType type = TensorType.F32, string extraConfig = "")
    {
        Directory.CreateDirectory(folder);
        System.IO.File.WriteAllText(Path.Combine(folder, "config.json"),
            $$"""{"model_type": "llama", {{extraConfig}} "num_hidden_layers": {{blocks}}, "hidden_size": 4, "num_attention_heads": 2}""");
        var tensors = new List<SafetensorsWriter.Tensor> { new("model.embed_tokens.weight", type, [6, 4]), new("model.norm.weight", type, [4]) };
        for (int i = 0; i < blocks; i++)
        {
            tensors.Add(new($"model.layers.{i}.mlp.up_proj.weight", type, [3, 4]));
            tensors.Add(new($"model.layers.{i}.input_layernorm.weight", type, [4]));
        }
        int element = 0;
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors, (tensor, _, destination) =>
        {
            int size = TensorEntry.BytesPerElement(tensor.Type);
            for (int at = 0; at < destination.Length; at += size) Put(tensor.Type, ++element / 64f, destination[at..]);
        }, TestContext.Current.CancellationToken);
        return folder;
    }

    public static void Put(TensorType type, float value, Span<byte> destination)
    {
        if (type == TensorType.F32) BinaryPrimitives.WriteSingleLittleEndian(destination, value);
        else if (type == TensorType.F16) BinaryPrimitives.WriteHalfLittleEndian(destination, (Half)value);
        else BinaryPrimitives.WriteUInt16LittleEndian(destination, (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16));
    }

    public static ModelConfig LoadConfig(string json)
    {
        using var folder = new TemporaryFolder();
        System.IO.File.WriteAllText(folder["config.json"], json);
        return ModelConfig.Load(folder.Path);
    }

    public static byte[] Bytes(Checkpoint checkpoint, string name)
    {
        byte[] bytes = new byte[checkpoint.Tensors[name].Bytes];
        checkpoint.ReadBytes(checkpoint.Tensors[name], 0, bytes);
        return bytes;
    }
}
