using System.Buffers.Binary;
using System.Text;

namespace Sleb.Tests.Tokenization;

/// <summary>Compiles a map of characters as SentencePiece does: a double-array trie (darts-clone's units), then the replacements, each ended by 0.</summary>
internal sealed class CharacterMapBuilder
{
    private sealed class Node
    {
        public SortedDictionary<byte, Node> Children { get; } = [];

        public int Value { get; set; } = -1;
    }

    private readonly List<uint> _units = [0];
    private readonly List<bool> _used = [true];
    private int _firstFree = 1;

    public static byte[] Build(IEnumerable<(string From, string To)> entries)
    {
        var (root, replacements) = (new Node(), new List<byte>());
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (from, to) in entries)
        {
            if (!places.TryGetValue(to, out int place))
            {
                places[to] = place = replacements.Count;
                replacements.AddRange([.. Encoding.UTF8.GetBytes(to), 0]);
            }
            var node = root;
            foreach (byte value in Encoding.UTF8.GetBytes(from))
            {
                if (!node.Children.TryGetValue(value, out var child)) node.Children[value] = child = new Node();
                node = child;
            }
            node.Value = place;
        }
        var builder = new CharacterMapBuilder();
        builder.Place(root, 0);
        byte[] units = new byte[4 + 4 * builder._units.Count];
        BinaryPrimitives.WriteUInt32LittleEndian(units, (uint)(units.Length - 4));
        for (int i = 0; i < builder._units.Count; i++) BinaryPrimitives.WriteUInt32LittleEndian(units.AsSpan(4 + 4 * i), builder._units[i]);
        return [.. units, .. replacements];
    }

    private void Place(Node node, int at)
    {
        byte[] labels = node.Value < 0 ? [.. node.Children.Keys] : [0, .. node.Children.Keys];
        while (_firstFree < _used.Count && _used[_firstFree]) _firstFree++;
        int origin = _firstFree;
        // An offset has 21 bits, or 29 of which the lowest eight are zero.
        while (!Array.TrueForAll(labels, label => !IsUsed(origin ^ label)) || (at ^ origin) is >= 1 << 21 and var wide && (wide & 0xFF) != 0) origin++;
        foreach (byte label in labels) Use(origin ^ label);
        uint offset = (uint)(at ^ origin);
        _units[at] |= (node.Value >= 0 ? 0x100u : 0) | (offset < 1 << 21 ? offset << 10 : (offset >> 8 << 10) | 0x200);
        if (node.Value >= 0) _units[origin] = (uint)node.Value | 0x80000000;
        foreach (byte label in node.Children.Keys) _units[origin ^ label] = label;
        foreach (var (label, child) in node.Children) Place(child, origin ^ label);
    }

    private bool IsUsed(int at) => at < _used.Count && _used[at];

    private void Use(int at)
    {
        while (_used.Count <= at)
        {
            _used.Add(false);
            _units.Add(0);
        }
        _used[at] = true;
    }
}
