using System.CommandLine;
using Sleb.Onnx;

namespace Sleb.Cli.Commands;

/// <summary>How the ONNX folder is written: the same options wherever one is.</summary>
internal sealed class FormOptions
{
    private readonly Option<string?> _target = CommandOptions.Choice("--target", "Where the folder is to run. Default: cpu.", "cpu", "cuda");
    private readonly Option<string?> _precision = CommandOptions.Choice("--precision", "Weights and arithmetic of the folder: fp32, int8 and int4 for cpu, fp16 and bf16 for cuda. Default: fp32.", "fp32", "fp16", "bf16", "int8", "int4");
    private readonly Option<string?> _accuracyLevel = CommandOptions.Choice("--accuracy-level", "Of int8 and int4: 0 computes in float32, 4 with activations as int8, faster. Default: 4.", "0", "4");
    private readonly Option<bool> _zeroPoints = CommandOptions.Flag("--zero-points", "Of int8 and int4: a zero for each block of weights, not the middle of the range.");
    private readonly Option<string?> _embedding = CommandOptions.Choice("--embedding-precision", "Of int8 and int4: embedding and head. Default: that of the other weights.", "int8", "int4");
    private readonly Option<bool> _fusedNorms = CommandOptions.Flag("--fused-norms", "Sums and norms in one kernel: a little faster, and a graph that is harder to read.");
    private readonly Option<bool> _packedGateUp = CommandOptions.Flag("--packed-gate-up", "Gate and up of a gated MLP as one product, where the family has two.");
    private readonly Option<string?> _shareWeights = CommandOptions.Path("--share-weights", "DIR", "A folder of the dense model in the same form, on the same file system: its weights are referred to, not copied.");

    public Option[] All => [_target, _precision, _accuracyLevel, _zeroPoints, _embedding, _fusedNorms, _packedGateUp, _shareWeights];

    public string Target(ParseResult call) => call.GetValue(_target) ?? "cpu";

    public string Precision(ParseResult call) => call.GetValue(_precision) ?? "fp32";

    /// <exception cref="UsageException">An option of integers where there are none.</exception>
    public OnnxForm Form(ParseResult call)
    {
        if (Precision(call) is not ("int8" or "int4") && CommandOptions.FirstGiven(call, _accuracyLevel, _zeroPoints, _embedding) is { } idle)
            throw new UsageException($"{idle.Name} is for --precision int8 or int4; {Precision(call)} has no integers.");
        return new()
        {
            AccuracyLevel = call.GetValue(_accuracyLevel) == "0" ? 0 : 4,
            ZeroPoints = call.GetValue(_zeroPoints),
            EmbeddingPrecision = call.GetValue(_embedding),
            FusedNorms = call.GetValue(_fusedNorms),
            PackedGateUp = call.GetValue(_packedGateUp),
            ShareWeights = call.GetValue(_shareWeights),
        };
    }
}
