using Sleb.Core.Artifacts;

namespace Sleb.Onnx;

/// <param name="Bytes">Size of the folder's files together.</param>
/// <param name="AlreadyThere">The target held this model already and was left as it was.</param>
internal sealed record ExportResult(string Folder, long Bytes, Provenance Provenance, bool AlreadyThere)
{
    /// <summary>False where this machine has no kernels for the folder's precision, so that only its form was checked.</summary>
    public bool RanHere { get; init; } = true;

    /// <summary>What the person should know of the model just written: a context that ends before the checkpoint's, a tokenizer that GenAI reads otherwise.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
