using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx;

/// <summary>Which precisions a target can run.</summary>
internal static class ExportFormat
{
    /// <exception cref="ArgumentException">A word that is not known, or two that do not go together.</exception>
    public static void Check(string target, string precision)
    {
        if (target is not ("cpu" or "cuda")) throw new ArgumentException($"The target is '{target}'; cpu and cuda are known.");
        if (precision is not ("fp32" or "fp16" or "bf16" or "int8" or "int4")) throw new ArgumentException($"The precision is '{precision}'; fp32, fp16, bf16, int8 and int4 are known.");
        if (target == "cuda" && precision == "fp32") throw new ArgumentException("ONNX Runtime has no float32 attention on CUDA; export for cuda with precision fp16 or bf16.");
        if (target == "cuda" && precision is "int8" or "int4") throw new ArgumentException($"{precision} is written for the CPU so far; export for cuda with precision fp16 or bf16.");
        if (target == "cpu" && precision is "fp16" or "bf16")
            throw new ArgumentException($"ONNX Runtime's CPU kernels compute {precision} by way of float32 or not at all, so it would be slower than fp32; export with precision fp32, or with target cuda.");
    }

    /// <summary>What can be written under a memory cap, where the pieces of the graph are compared in float32 between its sums.</summary>
    /// <exception cref="ArgumentException">Another precision, or sums that are part of norms.</exception>
    public static void CheckCapped(string precision, OnnxForm form)
    {
        if (precision != "fp32") throw new ArgumentException($"Under a memory cap a folder is checked piece by piece, which {precision} has no check for; export with precision fp32, or without the cap.");
        if (form.FusedNorms) throw new ArgumentException("Under a memory cap a folder is checked piece by piece, which fused norms would join; export without them, or without the cap.");
    }

    /// <summary>What the graph computes in.</summary>
    public static DataType FloatType(string precision) => precision switch
    {
        "fp16" => DataType.Float16,
        "bf16" => DataType.Bfloat16,
        _ => DataType.Float,
    };
}
