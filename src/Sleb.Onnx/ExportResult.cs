using Sleb.Core.Artifacts;

namespace Sleb.Onnx;

/// <param name="Bytes">Size of the folder's files together.</param>
/// <param name="AlreadyThere">The target held this model already and was left as it was.</param>
internal sealed record ExportResult(string Folder, long Bytes, Provenance Provenance, bool AlreadyThere)
{
    /// <summary>The note about a folder for CUDA that only a CPU has run.</summary>
    public const string RunOnCpuAlone = "Run on this machine's CPU alone: there is no CUDA here to try the folder on.";

    /// <summary>What the person should know of the model just written: where it was run, a context that ends before the checkpoint's, a tokenizer that GenAI reads otherwise.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>The note about a folder for CUDA that nothing here can run.</summary>
    public static string NotRunHere(string precision) =>
        $"Not run on this machine: there is no CUDA here, and the CPU lacks kernels for {precision}. The graph's form and types were checked, its logits were not, nor was GenAI's tokenizer compared.";
}
