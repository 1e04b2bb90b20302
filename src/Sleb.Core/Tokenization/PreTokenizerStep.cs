namespace Sleb.Core.Tokenization;

/// <summary>One step that cuts pieces into smaller ones and may rewrite them.</summary>
internal abstract class PreTokenizerStep
{
    public abstract void Split(Piece piece, List<Piece> pieces);
}
