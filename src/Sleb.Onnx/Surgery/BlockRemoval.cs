using Google.Protobuf.Collections;
using Sleb.Core.Checkpoints;
using Sleb.Onnx.Protos;

namespace Sleb.Onnx.Surgery;

/// <summary>Takes blocks out of a decoder graph: what enters a run of removed blocks goes where its result went.</summary>
internal sealed class BlockRemoval
{
    private readonly DecoderPackage _package;
    private readonly BlockMap _map;
    private readonly Dictionary<int, int> _renumbered;

    private BlockRemoval(DecoderPackage package, BlockMap map, IReadOnlyList<int> survivors)
    {
        (_package, _map) = (package, map);
        _renumbered = survivors.Select((block, i) => (block, i)).ToDictionary(pair => pair.block, pair => pair.i);
        _renumbered[map.Count] = survivors.Count; // what follows the blocks may count on
    }

    private GraphProto Graph => _package.Model.Graph;

    /// <summary>Changes the package's graph; its weights and its config are left to others.</summary>
    /// <param name="survivors">Ascending indices of the blocks that stay.</param>
    public static void Apply(DecoderPackage package, BlockMap map, IReadOnlyList<int> survivors)
    {
        var removal = new BlockRemoval(package, map, survivors);
        removal.Rewire();
        removal.RepointCacheShapes(survivors[0]);
        removal.Delete();
        removal.Renumber();
    }

    /// <summary>From the last run to the first: a change at the start of the graph may reach all the readers behind it.</summary>
    private void Rewire()
    {
        for (int end = _map.Count; end > 0; end--)
        {
            int first = end;
            while (first > 0 && !_renumbered.ContainsKey(first - 1)) first--;
            if (first == end) continue;
            Bridge(_map.Cuts[first], _map.Cuts[end], end);
            end = first;
        }
    }

    private void Bridge(BlockCut entry, BlockCut exit, int reader)
    {
        if (exit.Norm is { } norm)
        {
            if (entry.Norm is not null) (norm.Input[0], norm.Input[1]) = (entry.Values[0], entry.Values[1]);
            else if (SkipNorm.MakePlain(norm, entry.Values[0]) is { } sum) Redirect(sum, entry.Values[0], reader);
        }
        else if (entry.Norm is null) Redirect(exit.Values[0], entry.Values[0], reader);
        else throw new CheckpointException($"{_package.GraphFile} adds the residual in the norm '{Excerpt.Of(entry.Norm.Name)}' but not in the one behind the blocks to remove; graphs that do so throughout, or nowhere, are supported.");
    }

    private void Redirect(string from, string to, int firstPart)
    {
        foreach (var node in Graph.Node.Where(node => _map.Part(node) >= firstPart)) GraphNames.Redirect(node, from, to);
    }

    /// <summary>The mask of the builder's fp16 graphs for the CPU takes the past length from the first block's keys.</summary>
    private void RepointCacheShapes(int first)
    {
        foreach (var node in Graph.Node.Where(node => _map.Part(node) < 0))
            foreach (string name in GraphNames.Reads(node).ToList())
                if (_package.Caches.Block(name) is { } block && !_renumbered.ContainsKey(block)) GraphNames.Redirect(node, name, _package.Caches.Renumber(name, first));
    }

    /// <summary>Nodes, caches and shape notes of the removed blocks, then whatever nothing reads any more: constants and weights are shared.</summary>
    private void Delete()
    {
        Keep(Graph.Node, node => _map.Part(node) < 0 || _renumbered.ContainsKey(_map.Part(node)));
        foreach (var values in (RepeatedField<ValueInfoProto>[])[Graph.Input, Graph.Output])
            Keep(values, value => _package.Caches.Block(value.Name) is not { } block || _renumbered.ContainsKey(block));
        Graph.ValueInfo.Clear();

        var read = Graph.Output.Select(output => output.Name).ToHashSet(StringComparer.Ordinal);
        var alive = new HashSet<NodeProto>(ReferenceEqualityComparer.Instance);
        foreach (var node in Graph.Node.Reverse())
        {
            if (!node.Output.Any(read.Contains)) continue;
            alive.Add(node);
            read.UnionWith(GraphNames.Reads(node));
        }
        Keep(Graph.Node, alive.Contains);
        Keep(Graph.Initializer, tensor => read.Contains(tensor.Name));
    }

    /// <summary>All names at once, so that block 3 can become 2 while 2 becomes 1.</summary>
    private void Renumber()
    {
        foreach (var value in Graph.Input.Concat(Graph.Output)) value.Name = Renumber(value.Name);
        foreach (var tensor in Graph.Initializer) tensor.Name = Renumber(tensor.Name);
        var writers = Graph.Node.SelectMany(node => node.Output.Select(output => (output, _map.Part(node)))).Where(pair => pair.output.Length > 0).ToDictionary();
        foreach (var node in Graph.Node.SelectMany(GraphNames.Within))
        {
            node.Name = Renumber(node.Name);
            foreach (var values in (RepeatedField<string>[])[node.Input, node.Output])
                for (int i = 0; i < values.Count; i++) values[i] = RenumberValue(values[i], writers);
        }
    }

    /// <summary>A value belongs to the node that writes it: a fused norm's sum may bear the name of the block before, which may be gone.</summary>
    private string RenumberValue(string name, Dictionary<string, int> writers) =>
        _package.Caches.Block(name) is null && GraphNames.Layer(name) is { } layer && writers.TryGetValue(name, out int part) && part >= 0
            ? GraphNames.Renumber(name, _renumbered[part] + layer - part) : Renumber(name);

    private string Renumber(string name)
    {
        if (_package.Caches.Block(name) is { } block) return _package.Caches.Renumber(name, _renumbered[block]);
        if (GraphNames.Layer(name) is not { } layer) return name;
        return _renumbered.TryGetValue(layer, out int renumbered) ? GraphNames.Renumber(name, renumbered)
            : throw new CheckpointException($"{_package.GraphFile} has '{Excerpt.Of(name)}', which another block reads as well; a weight shared between blocks and named for one of them cannot be told apart.");
    }

    private static void Keep<T>(RepeatedField<T> all, Func<T, bool> wanted)
    {
        T[] kept = [.. all.Where(wanted)];
        all.Clear();
        all.Add(kept);
    }
}
