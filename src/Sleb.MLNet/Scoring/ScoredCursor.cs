using Microsoft.ML;
using Microsoft.ML.Data;

namespace Sleb.MLNet.Scoring;

/// <summary>Reads a window of rows ahead and keeps their active columns, so that those alike can be completed together when the first completion is asked for.</summary>
internal sealed class ScoredCursor : DataViewRowCursor
{
    private readonly DataViewRowCursor _source;
    private readonly ScoredSchema _schema;
    private readonly HashSet<int> _active;
    private readonly RowScorer _scorer;
    private readonly Dictionary<int, ColumnBuffer> _columns = [];
    private readonly ColumnBuffer<ReadOnlyMemory<char>>? _texts;
    private readonly DataViewRowId[] _ids;
    private readonly ValueGetter<DataViewRowId> _getId;
    private readonly float?[] _scores;
    private readonly ResponseLengths _lengths = new();
    private CompletionWindow? _window;
    private int _rows;
    private int _current = -1;
    private long _position = -1;

    public ScoredCursor(DataViewRowCursor source, ScoredSchema schema, HashSet<int> active, RowScorer scorer)
    {
        (_source, _schema, _active, _scorer) = (source, schema, active, scorer);
        bool completes = active.Any(schema.IsCompletion), scores = active.Any(schema.IsScore);
        int capacity = completes ? CompletionWindow.Size(scorer.Settings) : 1; // scores are computed row by row
        foreach (int index in active.Where(index => index < schema.Input.Count))
            _columns.Add(index, ColumnBuffer.Create(source, schema.Input[index], capacity));
        if (completes || scores)
        {
            if (!_columns.TryGetValue(schema.Text.Index, out var texts)) texts = ColumnBuffer.Create(source, schema.Text, capacity);
            _texts = (ColumnBuffer<ReadOnlyMemory<char>>)texts;
        }
        _ids = new DataViewRowId[capacity];
        _getId = source.GetIdGetter();
        _scores = new float?[capacity];
    }

    public override long Position => _position;

    public override long Batch => _source.Batch;

    public override DataViewSchema Schema => _schema.Output;

    public override bool MoveNext()
    {
        if (_current + 1 >= _rows && !ReadWindow())
        {
            (_rows, _current, _position) = (0, -1, -1);
            return false;
        }
        _current++;
        _position++;
        return true;
    }

    public override bool IsColumnActive(DataViewSchema.Column column) => _active.Contains(column.Index);

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        if (!IsColumnActive(column)) throw new InvalidOperationException($"The column {column.Name} is not active in this cursor.");
        Delegate getter =
            _schema.IsCompletion(column.Index) ? (ValueGetter<ReadOnlyMemory<char>>)((ref ReadOnlyMemory<char> value) => value = Completion().AsMemory())
            : _schema.IsScore(column.Index) ? (ValueGetter<float>)((ref float value) => value = Score())
            : _columns[column.Index].Getter(CurrentSlot);
        return getter as ValueGetter<TValue>
            ?? throw new InvalidOperationException($"The column {column.Name} holds {column.Type.RawType}, not {typeof(TValue)}.");
    }

    public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId value) => value = _ids[CurrentSlot()];

    protected override void Dispose(bool disposing)
    {
        if (disposing) _source.Dispose();
        base.Dispose(disposing);
    }

    private bool ReadWindow()
    {
        (_rows, _current, _window) = (0, -1, null);
        Array.Clear(_scores);
        for (; _rows < _ids.Length && _source.MoveNext(); _rows++)
        {
            _getId(ref _ids[_rows]);
            foreach (var column in _columns.Values) column.Read(_rows);
            if (!_columns.ContainsKey(_schema.Text.Index)) _texts?.Read(_rows);
        }
        return _rows > 0;
    }

    private string Completion()
    {
        int slot = CurrentSlot();
        _window ??= new([.. Enumerable.Range(0, _rows).Select(Text)], _scorer.Settings, _lengths);
        return _scorer.Complete(_window, slot);
    }

    private float Score()
    {
        int slot = CurrentSlot();
        return _scores[slot] ??= _scorer.NegativeLogLikelihood(Text(slot));
    }

    private string Text(int slot) => _texts!.Values[slot].ToString();

    private int CurrentSlot() => _position >= 0 ? _current : throw new InvalidOperationException("The cursor stands on no row: call MoveNext first.");
}
