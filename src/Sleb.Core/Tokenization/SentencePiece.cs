namespace Sleb.Core.Tokenization;

/// <summary>One entry of a SentencePiece vocabulary.</summary>
internal readonly record struct SentencePiece(string Text, float Score, SentencePieceKind Kind);
