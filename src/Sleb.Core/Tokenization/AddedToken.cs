namespace Sleb.Core.Tokenization;

/// <summary>A token that is cut out of the text before the model sees it.</summary>
internal sealed record AddedToken(string Content, int Id, bool Special, bool Normalized, bool LeftStrip, bool RightStrip);
