namespace Sleb.Core.Search;

/// <summary>Remembers everything a search measured.</summary>
public interface ISearchTrace
{
    /// <summary>What the dense model's blocks did, or null.</summary>
    BlockMeasurement? Blocks { get; }

    /// <summary>What was measured for a block in a round (0 is the dense model) on a window, or null.</summary>
    WindowLoss? Find(int round, int block, int window, Arithmetic arithmetic);

    /// <summary>Records a measurement for good before the next one starts.</summary>
    void Append(int round, WindowLoss loss, Arithmetic arithmetic);

    /// <summary>Records the blocks' properties for good.</summary>
    void Append(BlockMeasurement blocks);
}
