namespace Sleb.Core.Calibration;

/// <summary>Text to measure a model on: one text still to be tokenized and cut, or windows of ids to be scored as they are.</summary>
/// <param name="Name">What to call it in messages: a path, or for example "the column Text".</param>
/// <param name="Text">The whole text; null where <paramref name="Windows"/> is given.</param>
/// <param name="Windows">Ready windows of token ids, each with its line in the file; null where there is a text.</param>
internal sealed record TextSource(string Name, string? Text, IReadOnlyList<(int Line, int[] Ids)>? Windows);
