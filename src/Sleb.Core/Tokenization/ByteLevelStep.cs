namespace Sleb.Core.Tokenization;

/// <summary>GPT-2's step: an optional space in front, an optional cut by its regular expression, then bytes as characters.</summary>
internal sealed class ByteLevelStep(bool addPrefixSpace, bool useRegex) : PreTokenizerStep
{
    private static readonly SplitStep _split = new(
        new PortableRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", default), SplitBehavior.Isolated);

    public override void Split(Piece piece, List<Piece> pieces)
    {
        int start = pieces.Count;
        if (addPrefixSpace && !piece.Text.StartsWith(' ')) piece = piece with { Text = " " + piece.Text };
        if (useRegex) _split.Split(piece, pieces);
        else pieces.Add(piece);
        for (int i = start; i < pieces.Count; i++) pieces[i] = pieces[i] with { Text = ByteAlphabet.Encode(pieces[i].Text) };
    }
}
