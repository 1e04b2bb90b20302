using Sleb.Core.Search;

namespace Sleb.Tests.Search;

/// <summary>A scorer with a known answer: each window's loss is a function of the blocks in place; counts what it is asked.</summary>
/// <param name="spread">How far the losses of a window's tokens lie from their mean, up or down by the block and the segment.</param>
/// <param name="error">What bfloat16 adds to a loss, for the blocks in place and a window.</param>
internal sealed class TableScorer(
    int blocks, int windows, Func<IReadOnlyList<int>, int, double> loss, Func<IReadOnlyList<int>, int, double>? error = null, int windowsPerPass = 1, double spread = 0) : IBlockScorer
{
    public int BlockCount => blocks;

    public int WindowCount => windows;

    public int WindowsPerPass => windowsPerPass;

    /// <summary>Every loss measured: the alive blocks without the candidate, the window, and the arithmetic where it is not float32.</summary>
    public List<string> Scored { get; } = [];

    public IEnumerable<WindowLoss> ScoreWithout(
        IReadOnlyList<int> alive, IReadOnlyList<int> candidates, int firstWindow, int count, Arithmetic arithmetic, CancellationToken cancellationToken)
    {
        Assert.InRange(count, 1, windowsPerPass);
        for (int window = firstWindow; window < firstWindow + count; window++)
            foreach (int block in candidates)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int[] left = [.. alive.Where(other => other != block)];
                Scored.Add($"{string.Join(',', left)} on {window}{(arithmetic == Arithmetic.Fp32 ? "" : " in bf16")}");
                double nll = loss(left, window) + (arithmetic == Arithmetic.Bf16 ? error!(left, window) : 0);
                int[] order = [.. Enumerable.Range(0, 8).OrderBy(segment => Math.Sin(100 * block + 10 * window + segment))];
                yield return WindowLoss.Of(block, window, [.. order.SelectMany(place => Enumerable.Repeat(nll + spread * (place < 4 ? 1 : -1), 16))]);
            }
    }

    public BlockMeasurement MeasureBlocks(CancellationToken cancellationToken) =>
        new([.. Enumerable.Range(0, blocks).Select(block => 1.0 / (1 + block))], new double[blocks]);
}
