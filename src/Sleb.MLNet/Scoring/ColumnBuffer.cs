using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace Sleb.MLNet.Scoring;

/// <summary>The values of one column in the rows that were read ahead.</summary>
internal abstract class ColumnBuffer
{
    private static readonly MethodInfo MakeScalar = Method(nameof(OfScalars)), MakeVector = Method(nameof(OfVectors));

    public static ColumnBuffer Create(DataViewRow source, DataViewSchema.Column column, int capacity)
    {
        var type = column.Type.RawType;
        bool vector = type.IsGenericType && type.GetGenericTypeDefinition() == typeof(VBuffer<>);
        var make = vector ? MakeVector.MakeGenericMethod(type.GetGenericArguments()) : MakeScalar.MakeGenericMethod(type);
        return (ColumnBuffer)make.Invoke(null, [source, column, capacity])!;
    }

    /// <summary>Copies the source's current value.</summary>
    public abstract void Read(int slot);

    /// <summary>A <see cref="ValueGetter{TValue}"/> of the column's type for the slot that <paramref name="current"/> names.</summary>
    public abstract Delegate Getter(Func<int> current);

    private static ColumnBuffer<T> OfScalars<T>(DataViewRow source, DataViewSchema.Column column, int capacity) =>
        new(source.GetGetter<T>(column), capacity, (in T from, ref T to) => to = from);

    // The consumer may write into the vector it got, so it gets a copy.
    private static ColumnBuffer<VBuffer<T>> OfVectors<T>(DataViewRow source, DataViewSchema.Column column, int capacity) =>
        new(source.GetGetter<VBuffer<T>>(column), capacity, (in VBuffer<T> from, ref VBuffer<T> to) => from.CopyTo(ref to));

    private static MethodInfo Method(string name) => typeof(ColumnBuffer).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!;
}
