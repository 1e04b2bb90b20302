namespace Sleb.Cli.Json;

/// <summary>What <c>sleb generate</c> made: the new ids, and their text where there is a tokenizer.</summary>
internal sealed record GenerateDocument(IReadOnlyList<int> Ids, string? Text, double Seconds);
