using System.Text;

namespace Sleb.Core.Evaluation;

/// <summary>One question of a task.</summary>
/// <param name="Index">Its line in the file, counted from 0.</param>
/// <param name="Choices">What is compared; a single one is to be continued with exactly.</param>
/// <param name="Gold">The right choice.</param>
internal sealed record ZeroShotItem(int Index, IReadOnlyList<ZeroShotChoice> Choices, int Gold);

/// <summary>A text and a continuation, a space between them.</summary>
internal sealed record ZeroShotChoice(string Context, string Continuation)
{
    /// <summary>UTF-8 bytes of the continuation, which the normalised accuracy divides by.</summary>
    public int Bytes => Encoding.UTF8.GetByteCount(Continuation);
}
