namespace Sleb.Core.Search;

/// <summary>A trace that lasts as long as the process.</summary>
internal sealed class SearchMemory : ISearchTrace
{
    private readonly Dictionary<(int Round, int Block, int Window, Arithmetic Arithmetic), WindowLoss> _losses = [];

    public BlockMeasurement? Blocks { get; private set; }

    public int Count => _losses.Count;

    public WindowLoss? Find(int round, int block, int window, Arithmetic arithmetic) => _losses.GetValueOrDefault((round, block, window, arithmetic));

    public void Append(int round, WindowLoss loss, Arithmetic arithmetic) => _losses[(round, loss.Block, loss.Window, arithmetic)] = loss;

    public void Append(BlockMeasurement blocks) => Blocks = blocks;
}
