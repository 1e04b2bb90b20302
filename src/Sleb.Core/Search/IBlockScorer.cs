namespace Sleb.Core.Search;

/// <summary>Measures a model on the calibration windows with some of its blocks switched off.</summary>
/// <remarks>Losses are nats per token: the mean cross entropy over a window's T-1 next-token targets, logits in float32.</remarks>
public interface IBlockScorer
{
    /// <summary>Stands for "no block": the model as it is.</summary>
    const int NoBlock = -1;

    /// <summary>The number of blocks of the dense model.</summary>
    int BlockCount { get; }

    /// <summary>The number of calibration windows.</summary>
    int WindowCount { get; }

    /// <summary>How many windows go through the model together: what a killed search may have to repeat.</summary>
    int WindowsPerPass { get; }

    /// <summary>
    /// The loss of <paramref name="alive"/> (ascending original indices) without each of <paramref name="candidates"/> in turn
    /// (ascending, a subset of alive, <see cref="NoBlock"/> first where it is asked for), on each of <paramref name="windows"/>
    /// windows from <paramref name="firstWindow"/> on: at most <see cref="WindowsPerPass"/>.
    /// Lazy: a loss is measured when the enumerator reaches it, so that a caller can record it before the next one starts.
    /// </summary>
    IEnumerable<WindowLoss> ScoreWithout(
        IReadOnlyList<int> alive, IReadOnlyList<int> candidates, int firstWindow, int windows, Arithmetic arithmetic, CancellationToken cancellationToken);

    /// <summary>What each block of the dense model does to the windows, and how long it takes.</summary>
    BlockMeasurement MeasureBlocks(CancellationToken cancellationToken);
}
