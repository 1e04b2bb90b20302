using System.Text.Json.Nodes;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Sleb.Tests.Onnx;

/// <summary>The graph alone, through plain ONNX Runtime: one row of ids in one pass with an empty cache.</summary>
internal sealed class OrtWholePass(string folder) : IDisposable
{
    /// <summary>The builder's graphs leave it open.</summary>
    private readonly int _headSize = JsonNode.Parse(File.ReadAllBytes(Path.Combine(folder, "genai_config.json")))!["model"]!["decoder"]!["head_size"]!.GetValue<int>();

    private readonly InferenceSession _session = new(Path.Combine(folder, "model.onnx"));

    public InferenceSession Session => _session;

    public float[] Logits(int[] ids)
    {
        var inputs = new List<NamedOnnxValue>();
        foreach (var (name, meta) in _session.InputMetadata)
            inputs.Add(name switch
            {
                "input_ids" => Value(name, Array.ConvertAll(ids, id => (long)id)),
                "attention_mask" => Value(name, Enumerable.Repeat(1L, ids.Length).ToArray()),
                "position_ids" => Value(name, Enumerable.Range(0, ids.Length).Select(i => (long)i).ToArray()),
                _ => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>([1, meta.Dimensions[1], 0, _headSize])),
            });
        using var outputs = _session.Run(inputs, ["logits"]);
        return outputs[0].AsTensor<float>().ToArray();
    }

    public void Dispose() => _session.Dispose();

    private static NamedOnnxValue Value(string name, long[] values) => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(values, [1, values.Length]));
}
