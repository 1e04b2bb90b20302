using Sleb.Core.Artifacts;

namespace Sleb.Onnx;

/// <param name="Bytes">Size of the folder's files together.</param>
/// <param name="AlreadyThere">The target held this model already and was left as it was.</param>
internal sealed record ExportResult(string Folder, long Bytes, Provenance Provenance, bool AlreadyThere);
