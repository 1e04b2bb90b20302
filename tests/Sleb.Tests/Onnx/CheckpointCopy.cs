using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;

namespace Sleb.Tests.Onnx;

/// <summary>A checkpoint taken apart, for tests that change something in it and write it elsewhere as float32.</summary>
internal sealed class CheckpointCopy
{
    public CheckpointCopy(string folder)
    {
        using var checkpoint = Checkpoint.Open(folder);
        Config = checkpoint.Config.Json();
        foreach (var (name, entry) in checkpoint.Tensors)
        {
            var values = new float[entry.Elements];
            checkpoint.Read(entry, values);
            Tensors[name] = (entry.Shape, values);
        }
    }

    public JsonObject Config { get; }

    public SortedDictionary<string, (long[] Shape, float[] Values)> Tensors { get; } = new(StringComparer.Ordinal);

    public Checkpoint Write(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), Config.ToJsonString());
        var header = new JsonObject();
        long offset = 0;
        foreach (var (name, (shape, values)) in Tensors)
        {
            header[name] = new JsonObject
            {
                ["dtype"] = "F32",
                ["shape"] = new JsonArray([.. shape.Select(dimension => (JsonNode)dimension)]),
                ["data_offsets"] = new JsonArray(offset, offset += values.Length * sizeof(float)),
            };
        }
        byte[] json = Encoding.UTF8.GetBytes(header.ToJsonString());
        using (var stream = File.Create(Path.Combine(folder, "model.safetensors")))
        {
            stream.Write(BitConverter.GetBytes((ulong)json.Length));
            stream.Write(json);
            foreach (var (_, values) in Tensors.Values) stream.Write(MemoryMarshal.AsBytes<float>(values));
        }
        return Checkpoint.Open(folder);
    }
}
