namespace Sleb.Core.Calibration;

/// <summary>What a text file holds: a text, or ready windows of ids.</summary>
/// <param name="Path">The file, for messages.</param>
/// <param name="Text">The text; null where the file holds ids.</param>
/// <param name="Windows">The windows, with the line each stands on; empty where the file holds a text.</param>
internal sealed record TextFileContent(string Path, string? Text, IReadOnlyList<(int Line, int[] Ids)> Windows);
