using Sleb.Core.Artifacts;

namespace Sleb.Core.Checkpoints;

/// <summary>A Hugging Face folder that stands where it was asked for.</summary>
/// <param name="Bytes">Of all files in the folder.</param>
/// <param name="AlreadyThere">The same model had been written before, so nothing was written now.</param>
internal sealed record HfExportResult(string Folder, long Bytes, Provenance Provenance, bool AlreadyThere);
