using Sleb.Core.Checkpoints;
using Sleb.Core.Search;
using Sleb.Torch.Families;
using TorchSharp;

namespace Sleb.Torch.Streaming;

/// <summary>A family's modules in one arithmetic, with the weights of one block, or of one slice of the head, at a time.</summary>
internal sealed class StreamedPieces : IDisposable
{
    /// <summary>Vocabulary entries of a slice of the head, at most.</summary>
    private const long MostHeadRows = 8192;

    private readonly WeightBuffer[] _turns, _kept; // float32, bfloat16
    private readonly StreamedWeight[] _outside;
    private int? _loaded;
    private bool _restLoaded;

    public StreamedPieces(Checkpoint checkpoint, Arithmetic arithmetic)
    {
        var family = checkpoint.Config.Family!; // by its own names, which a checkpoint may shorten
        Model = TorchFamilies.Create(family, checkpoint.Config, checkpoint.HasOwnHead(family), CPU);
        Model.eval();
        using var nothing = empty(0);
        var entries = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        foreach (var (name, parameter) in Model.named_parameters())
        {
            entries.Add(name, checkpoint.Find(name, parameter.shape));
            parameter.set_(nothing); // its memory goes before it was ever touched
        }
        if (arithmetic == Arithmetic.Bf16)
            foreach (var module in Model.modules())
                if (module is ILowPrecision) module.to(bfloat16);

        string table = Model.named_modules().Single(module => module.module is Embedding).name + ".weight", head = family.Head[..(family.Head.IndexOf('.') + 1)];
        var weights = Model.named_parameters().ToDictionary(named => named.name, named => new StreamedWeight(named.parameter, entries[named.name]));
        Table = weights[table];
        var byBlock = weights.ToLookup(named => BlockName.Index(named.Key, family.BlockPrefix) ?? -1);
        Blocks = [.. Enumerable.Range(0, Model.BlockCount).Select(block => byBlock[block].Select(named => named.Value).OrderBy(weight => weight.Entry.Offset).ToArray())];
        var ofHead = byBlock[-1].Where(named => named.Key.StartsWith(head, StringComparison.Ordinal)).Select(named => named.Value);
        Head = weights.ContainsKey(family.Head) ? [.. ofHead] : [Table, .. ofHead];
        _outside = [.. byBlock[-1].Select(named => named.Value).Except([Table, .. Head])];
        long largest = Blocks.Max(block => block.Sum(weight => weight.Room()));
        // The same whatever memory there is: how logits are summed must not depend on it.
        HeadRows = Math.Clamp(largest / Head.Sum(weight => weight.Room(1)), 1, Math.Min(MostHeadRows, Table.Rows));
        _turns = Buffers(checkpoint, of => Math.Max(Blocks.Max(block => Room(block, of, null)), Room(Head, of, HeadRows)));
        _kept = Buffers(checkpoint, of => Room(_outside, of, null));
    }

    public CausalLM Model { get; }

    /// <summary>The embedding.</summary>
    public StreamedWeight Table { get; }

    public IReadOnlyList<StreamedWeight[]> Blocks { get; }

    /// <summary>What has a row for every entry of the vocabulary and makes logits: the embedding, where the head is tied.</summary>
    public IReadOnlyList<StreamedWeight> Head { get; }

    /// <summary>Entries of a slice of the head.</summary>
    public long HeadRows { get; }

    /// <summary>Bytes of weights that are in memory: the largest block, and what every pass needs.</summary>
    public long Bytes => _turns.Concat(_kept).Sum(buffer => buffer.Bytes);

    /// <summary>Reads a block's weights in the place of those before; whether it was not there yet.</summary>
    public bool LoadBlock(int block)
    {
        if (_loaded == block) return false;
        _loaded = null;
        Load(Blocks[block], null, 0);
        _loaded = block;
        return true;
    }

    /// <summary>Reads the slice of the head from this entry of the vocabulary on.</summary>
    public void LoadHead(long row)
    {
        _loaded = null;
        Load(Head, HeadRows, row);
    }

    /// <summary>Norms, positions and projections outside the blocks: read once, and kept.</summary>
    public void LoadRest()
    {
        if (_restLoaded) return;
        foreach (var weight in _outside) _kept[Of(weight)].Lend(weight, 0, weight.Rows);
        _restLoaded = true;
    }

    public void Dispose()
    {
        Model.Dispose();
        foreach (var buffer in _turns.Concat(_kept)) buffer.Dispose();
    }

    private void Load(IEnumerable<StreamedWeight> weights, long? rows, long first)
    {
        foreach (var buffer in _turns) buffer.Clear();
        foreach (var weight in weights) _turns[Of(weight)].Lend(weight, first, Math.Min(rows ?? weight.Rows, weight.Rows - first));
    }

    private static int Of(StreamedWeight weight) => weight.Parameter.dtype == float32 ? 0 : 1;

    private static long Room(IEnumerable<StreamedWeight> weights, int of, long? rows) => weights.Where(weight => Of(weight) == of).Sum(weight => weight.Room(rows));

    private static WeightBuffer[] Buffers(Checkpoint checkpoint, Func<int, long> room) => [new(checkpoint, float32, room(0)), new(checkpoint, bfloat16, room(1))];
}
