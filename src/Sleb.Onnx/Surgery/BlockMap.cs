using Sleb.Core.Checkpoints;
using Sleb.Onnx.Protos;

namespace Sleb.Onnx.Surgery;

/// <summary>
/// Which nodes of a decoder graph are which block, and what passes from one to the next. Nodes are told by their paths, and everything
/// is then checked along the data: a graph in which anything but the hidden state passes between blocks is refused.
/// </summary>
internal sealed class BlockMap
{
    /// <summary>The part of a node that comes before the blocks or serves all of them.</summary>
    public const int Before = -1;

    private readonly DecoderPackage _package;
    private readonly Dictionary<NodeProto, int> _parts = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, NodeProto> _producers = new(StringComparer.Ordinal);

    /// <exception cref="CheckpointException">The graph has no blocks, or other ones than are known here.</exception>
    public BlockMap(DecoderPackage package)
    {
        _package = package;
        foreach (var node in Nodes)
            foreach (string output in node.Output)
                if (output.Length > 0 && !_producers.TryAdd(output, node))
                    throw Refuse($"writes '{Excerpt.Of(output)}' twice");
        Count = CountBlocks();
        foreach (var node in Nodes) _parts[node] = Place(node);
        CheckCaches();
        Cuts = FindCuts();
    }

    /// <summary>The number of blocks.</summary>
    public int Count { get; }

    /// <summary>What enters each block; the last is what leaves the last block.</summary>
    public IReadOnlyList<BlockCut> Cuts { get; }

    private IEnumerable<NodeProto> Nodes => _package.Model.Graph.Node;

    /// <summary>The node's block; <see cref="Before"/> or, for what follows the blocks, <see cref="Count"/>.</summary>
    public int Part(NodeProto node) => _parts[node];

    private NodeProto? Producer(string value) => _producers.GetValueOrDefault(value);

    /// <summary>Blocks are counted by their caches: 0 … n-1, each with keys and values.</summary>
    private int CountBlocks()
    {
        var inputs = _package.Model.Graph.Input.Select(input => _package.Caches.Block(input.Name)).OfType<int>().ToList();
        int count = inputs.Distinct().Count();
        if (count == 0) throw Refuse("has no input that is named like a KV cache in genai_config.json");
        if (inputs.Max() != count - 1) throw Refuse($"has KV caches up to number {inputs.Max()}, but {count} of them; blocks numbered without gaps are expected");
        return DecoderPackage.Number(_package.Decoder["num_hidden_layers"]) is { } layers && layers != count
            ? throw new CheckpointException($"{_package.Folder}: genai_config.json has num_hidden_layers {layers}, but {_package.GraphFile} holds blocks 0-{count - 1}.")
            : count;
    }

    /// <summary>By path; a node without a number follows the blocks where it reads what they compute, and comes before them elsewhere.</summary>
    private int Place(NodeProto node)
    {
        var latest = GraphNames.Reads(node).Select(Producer).OfType<NodeProto>().Where(_parts.ContainsKey).MaxBy(Part);
        int reached = latest is null ? Before : Part(latest);
        int place = GraphNames.Layer(node.Name) ?? (reached == Before ? Before : Count); // the builder's final norm counts on: layers.{n}
        if (place > Count) throw Refuse($"has the node '{Excerpt.Of(node.Name)}', but {Count} KV caches");
        if (reached > place)
            throw Refuse($"has the node '{Excerpt.Of(latest!.Name)}' ({latest.OpType}) before '{Excerpt.Of(node.Name)}', though by its path it stands behind it or in no block");
        return place;
    }

    private void CheckCaches()
    {
        foreach (var node in Nodes)
            foreach (string name in GraphNames.Reads(node).Concat(node.Output))
                if (_package.Caches.Block(name) is { } block && block != Part(node) && !(Part(node) == Before && node.OpType == "Shape"))
                    throw Refuse($"has the node '{Excerpt.Of(node.Name)}' ({node.OpType}), which uses '{Excerpt.Of(name)}', the cache of another block");
        var written = _package.Model.Graph.Output.Where(output => Producer(output.Name) is not null).Select(output => _package.Caches.Block(output.Name)).OfType<int>();
        if (Enumerable.Range(0, Count).Except(written).ToList() is [var missing, ..]) throw Refuse($"does not write the KV cache of block {missing}");
    }

    private List<BlockCut> FindCuts()
    {
        var readers = new Dictionary<string, List<NodeProto>>(StringComparer.Ordinal);
        foreach (var node in Nodes)
            foreach (string name in GraphNames.Reads(node).Distinct())
                (readers.TryGetValue(name, out var list) ? list : readers[name] = []).Add(node);
        var ofTokens = ValuesOfTokens();

        var crossing = Enumerable.Range(0, Count + 1).Select(_ => new List<string>()).ToArray();
        foreach (var (value, nodes) in readers)
        {
            int from = Producer(value) is { } producer ? Part(producer) : Before;
            if (from == Before && !ofTokens.Contains(value)) continue; // masks, caches, weights: shared by all blocks
            int last = nodes.Max(Part);
            for (int cut = from + 1; cut <= last; cut++) crossing[cut].Add(value);
        }
        return [.. crossing.Select((values, cut) => Cut(cut, values, readers))];
    }

    /// <summary>Values that depend on which tokens there are, not only on how many.</summary>
    private HashSet<string> ValuesOfTokens()
    {
        var values = new HashSet<string>(StringComparer.Ordinal) { _package.InputIds };
        foreach (var node in Nodes)
            if (node.OpType != "Shape" && GraphNames.Reads(node).Any(values.Contains)) values.UnionWith(node.Output);
        return values;
    }

    private BlockCut Cut(int cut, List<string> values, Dictionary<string, List<NodeProto>> readers)
    {
        if (values.Count == 1) return new([values[0]], null);
        // The sum of residual and newest branch is taken in the norm of the next block.
        var nodes = values.SelectMany(value => readers[value]).Where(node => Part(node) >= cut).Distinct().ToList();
        if (values.Count == 2 && nodes is [var norm] && norm.OpType is SkipNorm.Simplified or SkipNorm.Full && Part(norm) == cut
            && values.Contains(norm.Input[0]) && values.Contains(norm.Input[1]) && norm.Input[0] != norm.Input[1])
        {
            if (SkipNorm.HasBias(norm)) throw Refuse($"adds a bias of the block before it in the norm '{Excerpt.Of(norm.Name)}'");
            return new([norm.Input[0], norm.Input[1]], norm);
        }
        string where = cut == 0 ? "enters block 0" : cut == Count ? $"leaves block {cut - 1}" : $"passes from block {cut - 1} to block {cut}";
        throw Refuse(values.Count == 0 ? $"has nothing that {where}"
            : $"has more than one hidden state that {where}: {string.Join(", ", values.Take(3).Select(value => $"'{Excerpt.Of(value)}'"))}{(nodes.Count > 0 ? $", first read by '{Excerpt.Of(nodes[0].Name)}' ({nodes[0].OpType})" : "")}");
    }

    private CheckpointException Refuse(string what) => new(
        $"{Path.Combine(_package.Folder, _package.GraphFile)} {what}; blocks are removed from graphs in the form of ONNX Runtime GenAI's model builder or of 'sleb export'.");
}
