namespace Sleb.Core.Tokenization;

/// <summary>A token's id and how many bytes of the text it stands for.</summary>
internal readonly record struct Symbol(int Id, int Length);
