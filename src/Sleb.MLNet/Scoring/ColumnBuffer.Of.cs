using Microsoft.ML;

namespace Sleb.MLNet.Scoring;

/// <inheritdoc/>
internal sealed class ColumnBuffer<T>(ValueGetter<T> source, int capacity, ColumnBuffer<T>.Copy copy) : ColumnBuffer
{
    private readonly T[] _values = new T[capacity];

    public delegate void Copy(in T from, ref T to);

    public IReadOnlyList<T> Values => _values;

    public override void Read(int slot) => source(ref _values[slot]);

    public override Delegate Getter(Func<int> current) => (ValueGetter<T>)((ref T value) => copy(in _values[current()], ref value));
}
