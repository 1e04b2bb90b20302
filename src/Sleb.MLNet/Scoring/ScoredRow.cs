using Microsoft.ML;
using Microsoft.ML.Data;

namespace Sleb.MLNet.Scoring;

/// <summary>A row over another one that moves: each value is computed once a position, when it is asked for.</summary>
internal sealed class ScoredRow(DataViewRow input, ScoredSchema schema, HashSet<int> active, RowScorer scorer) : DataViewRow
{
    public override long Position => input.Position;

    public override long Batch => input.Batch;

    public override DataViewSchema Schema => schema.Output;

    public override bool IsColumnActive(DataViewSchema.Column column) => active.Contains(column.Index);

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        if (!IsColumnActive(column)) throw new InvalidOperationException($"The column {column.Name} is not active in this row.");
        if (column.Index < schema.Input.Count) return input.GetGetter<TValue>(schema.Input[column.Index]);
        Delegate getter = schema.IsCompletion(column.Index)
            ? OncePerRow(text => scorer.Complete(text).AsMemory())
            : OncePerRow(scorer.NegativeLogLikelihood);
        return getter as ValueGetter<TValue>
            ?? throw new InvalidOperationException($"The column {column.Name} holds {column.Type.RawType}, not {typeof(TValue)}.");
    }

    public override ValueGetter<DataViewRowId> GetIdGetter() => input.GetIdGetter();

    protected override void Dispose(bool disposing)
    {
        if (disposing) input.Dispose();
        base.Dispose(disposing);
    }

    private ValueGetter<T> OncePerRow<T>(Func<string, T> compute)
    {
        var getText = input.GetGetter<ReadOnlyMemory<char>>(schema.Text);
        long served = -1;
        T cached = default!;
        return (ref T value) =>
        {
            if (served != input.Position)
            {
                ReadOnlyMemory<char> text = default;
                getText(ref text);
                cached = compute(text.ToString());
                served = input.Position;
            }
            value = cached;
        };
    }
}
