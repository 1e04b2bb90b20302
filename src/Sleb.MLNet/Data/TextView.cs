using Microsoft.ML;
using Microsoft.ML.Data;

namespace Sleb.MLNet.Data;

/// <summary>A lazy data view with one text column; every cursor enumerates the rows anew.</summary>
internal sealed class TextView : IDataView
{
    private readonly Func<IEnumerable<string>> _rows;

    public TextView(string columnName, Func<IEnumerable<string>> rows)
    {
        _rows = rows;
        var builder = new DataViewSchema.Builder();
        builder.AddColumn(columnName, TextDataViewType.Instance);
        Schema = builder.ToSchema();
    }

    public bool CanShuffle => false;

    public DataViewSchema Schema { get; }

    public long? GetRowCount() => null;

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null) =>
        new TextCursor(Schema, columnsNeeded.Any(column => column.Index == 0), _rows());

    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];
}
