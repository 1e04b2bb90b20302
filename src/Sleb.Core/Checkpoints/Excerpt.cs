namespace Sleb.Core.Checkpoints;

/// <summary>Text out of a file nobody should trust, made fit for a message: short, and without control characters a terminal would obey.</summary>
internal static class Excerpt
{
    private const int MaxLength = 100;

    public static string Of(string text)
    {
        string start = text.Length <= MaxLength ? text : text[..MaxLength] + "…";
        return string.Create(start.Length, start, static (span, source) =>
        {
            for (int i = 0; i < span.Length; i++) span[i] = char.IsControl(source[i]) ? '?' : source[i];
        });
    }
}
