using Sleb.Onnx.Emit;

namespace Sleb.Onnx;

/// <summary>How a folder is written, beside its target and precision.</summary>
internal sealed record OnnxForm
{
    /// <summary>Of int8 and int4: 0 computes in float32; 4 rounds activations to int8, about three times as fast on a CPU.</summary>
    public int AccuracyLevel { get; init; } = 4;

    /// <summary>Of int8 and int4: a zero for each block of weights, instead of the middle of the range for all.</summary>
    public bool ZeroPoints { get; init; }

    /// <summary>Of int4: the scale of least error for each block, instead of the one its largest weight gives, which serves int8 well enough.</summary>
    public bool ScaleSearch { get; init; } = true;

    /// <summary><c>int8</c> or <c>int4</c> for embedding and head; null is that of all weights.</summary>
    public string? EmbeddingPrecision { get; init; }

    /// <summary>Sums and norms in one kernel.</summary>
    public bool FusedNorms { get; init; }

    /// <summary>Gate and up of a gated MLP as one product.</summary>
    public bool PackedGateUp { get; init; }

    /// <summary>Nodes and attributes of the official builder, norms fused: to compare with. Its integers are rounded to nearest.</summary>
    public bool BuilderForm { get; init; }

    /// <summary>A folder of the same model and form whose weights are referred to, not copied.</summary>
    public string? ShareWeights { get; init; }

    /// <summary>How matrices become integers; null where they do not.</summary>
    public Quantization? Quantization(string precision) => Bits(precision) is { } bits ? new(bits, Bits(EmbeddingPrecision) ?? bits, ZeroPoints, ScaleSearch && !BuilderForm) : null;

    /// <summary>What tells folders of the same precision apart; null where nothing does.</summary>
    public string? Describe(string precision) => Quantization(precision) is not { } how ? null
        : $"block {Emit.Quantization.BlockSize}, {(how.ZeroPoints ? "zero points" : "symmetric")}, {(how.ScaleSearch ? "scale search" : "round to nearest")}, embedding int{how.EmbeddingBits}, accuracy level {AccuracyLevel}";

    private static int? Bits(string? precision) => precision switch { "int4" => 4, "int8" => 8, _ => null };
}
