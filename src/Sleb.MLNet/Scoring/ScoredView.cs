using Microsoft.ML;

namespace Sleb.MLNet.Scoring;

/// <summary>The transformed data: nothing is scored before a cursor's getter asks for it.</summary>
internal sealed class ScoredView(IDataView source, ScoredSchema schema, RowScorer scorer) : IDataView
{
    public bool CanShuffle => source.CanShuffle;

    public DataViewSchema Schema => schema.Output;

    public long? GetRowCount() => source.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        var active = columnsNeeded.Select(column => column.Index).ToHashSet();
        var inputs = schema.Dependencies(active.Select(index => schema.Output[index]));
        return new ScoredCursor(source.GetRowCursor(inputs, rand), schema, active, scorer);
    }

    // One model serves one caller at a time, so parallel cursors would gain nothing.
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];
}
