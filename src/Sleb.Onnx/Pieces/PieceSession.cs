using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Sleb.Onnx.Protos;

namespace Sleb.Onnx.Pieces;

/// <summary>One piece of a graph in ONNX Runtime, holding its weights once: as the pages of the data file that it reads.</summary>
internal sealed class PieceSession : IDisposable
{
    private readonly InferenceSession _session;
    private readonly string? _hidden;

    /// <param name="hidden">The input that is a hidden state; the others are the decoder's own.</param>
    public PieceSession(ModelProto piece, string folder, string? hidden)
    {
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL, // which may make weights anew
            EnableCpuMemArena = false,
            EnableMemoryPattern = false,
        };
        options.AddSessionConfigEntry("session.disable_prepacking", "1"); // a second copy of each matrix
        options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", folder);
        (_session, _hidden) = (new InferenceSession(piece.ToByteArray(), options), hidden);
    }

    /// <summary>The output for one sequence with an empty cache.</summary>
    public float[] Run(int[] ids, ReadOnlySpan<float> hidden)
    {
        var inputs = new List<NamedOnnxValue>();
        foreach (var (name, meta) in _session.InputMetadata)
            inputs.Add(name == _hidden ? NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>(hidden.ToArray(), [1, ids.Length, hidden.Length / ids.Length])) : name switch
            {
                "input_ids" => Value(name, Array.ConvertAll(ids, id => (long)id)),
                "attention_mask" => Value(name, [.. ids.Select(_ => 1L)]),
                "position_ids" => Value(name, [.. ids.Select((_, position) => (long)position)]),
                _ => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<float>([1, meta.Dimensions[1], 0, meta.Dimensions[3]])), // an empty cache
            });
        using var outputs = _session.Run(inputs);
        return outputs[0].AsTensor<float>().ToArray();
    }

    public void Dispose() => _session.Dispose();

    private static NamedOnnxValue Value(string name, long[] values) => NamedOnnxValue.CreateFromTensor(name, new DenseTensor<long>(values, [1, values.Length]));
}
