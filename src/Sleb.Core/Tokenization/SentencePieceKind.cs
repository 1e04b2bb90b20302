namespace Sleb.Core.Tokenization;

/// <summary>What a SentencePiece entry is for, numbered as in its file.</summary>
internal enum SentencePieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}
