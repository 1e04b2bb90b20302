namespace Sleb.Core.Tokenization;

/// <summary>A part of the text on its way to the model; <c>First</c> where it is the beginning of the whole text.</summary>
internal readonly record struct Piece(string Text, bool First);
