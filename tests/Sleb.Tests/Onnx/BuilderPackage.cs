using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Sleb.Onnx.Protos;

namespace Sleb.Tests.Onnx;

/// <summary>A folder made by the official builder, and what it and the builder's folders of pruned checkpoints give.</summary>
internal sealed class BuilderPackage
{
    private readonly JsonNode _expected;
    private readonly Dictionary<string, (long[] Shape, byte[] Data)> _tensors;

    public BuilderPackage(string name)
    {
        Folder = TestFiles.Shared("reference", "genai-builder", name);
        _expected = JsonNode.Parse(File.ReadAllBytes(Path.Combine(Folder, "expected.json")))!;
        _tensors = ConformanceFolder.ReadTensors(Path.Combine(Folder, "expected.safetensors"));
        Prompt = ConformanceFolder.Ints(_expected["prompt_ids"]!);
    }

    /// <summary>Every folder with every set of removed blocks that has expected values.</summary>
    public static TheoryData<string, string> Sets
    {
        get
        {
            var sets = new TheoryData<string, string>();
            foreach (string name in (string[])["tiny-llama-fp32", "tiny-qwen3-fp32", "tiny-llama-int4"])
                foreach (string removed in (string[])["", "0", "2", "5", "1_3"]) sets.Add(name, removed);
            return sets;
        }
    }

    public string Folder { get; }

    public int[] Prompt { get; }

    /// <summary>Logits of quantized products depend on the machine unless activations stay float: accuracy level 0.</summary>
    public bool IsQuantized => _tensors.ContainsKey("logits.level0");

    public static int[] Blocks(string removed) => removed == "" ? [] : Array.ConvertAll(removed.Split('_'), int.Parse);

    public float[] Logits(string removed)
    {
        string name = (IsQuantized ? "logits.level0" : "logits") + (removed == "" ? "" : ".without." + removed);
        return MemoryMarshal.Cast<byte, float>(_tensors[name].Data).ToArray();
    }

    public int[] Greedy(string removed) =>
        ConformanceFolder.Ints((removed == "" ? _expected : _expected["without"]![removed])![IsQuantized ? "level0_greedy_ids" : "greedy_ids"]!);

    /// <summary>A copy of a folder whose graph is changed.</summary>
    public static string Change(string folder, string copy, Action<ModelProto> change)
    {
        Directory.CreateDirectory(copy);
        foreach (string file in Directory.GetFiles(folder).Where(file => Path.GetFileName(file) is not "model.onnx"))
            File.WriteAllBytes(Path.Combine(copy, Path.GetFileName(file)), File.ReadAllBytes(file));
        var model = Read(folder);
        change(model);
        File.WriteAllBytes(Path.Combine(copy, "model.onnx"), model.ToByteArray());
        return copy;
    }

    /// <summary>The same graph with activations in float32.</summary>
    public static void FloatActivations(ModelProto model)
    {
        foreach (var attribute in model.Graph.Node.SelectMany(node => node.Attribute).Where(attribute => attribute.Name == "accuracy_level")) attribute.I = 0;
    }

    public static ModelProto Read(string folder) => ModelProto.Parser.ParseFrom(File.ReadAllBytes(Path.Combine(folder, "model.onnx")));
}
