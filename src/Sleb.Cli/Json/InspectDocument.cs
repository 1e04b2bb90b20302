namespace Sleb.Cli.Json;

/// <summary>What <c>sleb inspect</c> finds. A number nobody wrote down in the folder is null.</summary>
internal sealed record InspectDocument
{
    public required string? Family { get; init; }
    public required int? Blocks { get; init; }
    public required long? Parameters { get; init; }
    public required int? HiddenSize { get; init; }
    public required int? VocabularySize { get; init; }
    public required int? ContextLength { get; init; }
    public required long? Bytes { get; init; }
    public bool Supported => Reasons.Count == 0;

    /// <summary>Why it is not supported, one sentence each.</summary>
    public required IReadOnlyList<string> Reasons { get; init; }
}
