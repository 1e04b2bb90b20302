namespace Sleb.Core.Tokenization;

/// <summary>SentencePiece's step: spaces become a visible character, which may also be set in front and cut at.</summary>
internal sealed class MetaspaceStep(char replacement, PrependScheme prepend, bool split) : PreTokenizerStep
{
    private readonly SplitStep _split = new(TextPattern.Characters(rune => rune.Value == replacement), SplitBehavior.MergedWithNext);

    public bool FindsTheBeginning => prepend is PrependScheme.First;

    public override void Split(Piece piece, List<Piece> pieces)
    {
        string text = piece.Text.Replace(' ', replacement);
        bool wanted = prepend is PrependScheme.Always || (prepend is PrependScheme.First && piece.First);
        if (wanted && !text.StartsWith(replacement)) text = replacement + text;
        if (split) _split.Split(piece with { Text = text }, pieces);
        else pieces.Add(piece with { Text = text });
    }
}
