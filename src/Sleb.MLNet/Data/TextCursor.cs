using Microsoft.ML;
using Microsoft.ML.Data;

namespace Sleb.MLNet.Data;

internal sealed class TextCursor(DataViewSchema schema, bool active, IEnumerable<string> rows) : DataViewRowCursor
{
    private readonly IEnumerator<string> _rows = rows.GetEnumerator();
    private long _position = -1;
    private bool _done;

    public override long Position => _position;

    public override long Batch => 0;

    public override DataViewSchema Schema => schema;

    public override bool MoveNext()
    {
        if (!_done && _rows.MoveNext())
        {
            _position++;
            return true;
        }
        _done = true;
        _position = -1;
        return false;
    }

    public override bool IsColumnActive(DataViewSchema.Column column) => active && column.Index == 0;

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        if (!IsColumnActive(column)) throw new InvalidOperationException($"The column {column.Name} is not active in this cursor.");
        ValueGetter<ReadOnlyMemory<char>> getter = (ref ReadOnlyMemory<char> value) => value = Current.AsMemory();
        return getter as ValueGetter<TValue>
            ?? throw new InvalidOperationException($"The column {column.Name} holds {column.Type.RawType}, not {typeof(TValue)}.");
    }

    public override ValueGetter<DataViewRowId> GetIdGetter() =>
        (ref DataViewRowId value) => value = new((ulong)(_position >= 0 ? _position : throw NoRow()), 0);

    protected override void Dispose(bool disposing)
    {
        if (disposing) _rows.Dispose();
        base.Dispose(disposing);
    }

    private string Current => _position >= 0 ? _rows.Current : throw NoRow();

    private static InvalidOperationException NoRow() => new("The cursor stands on no row: call MoveNext first.");
}
