using Microsoft.ML;
using Microsoft.ML.Data;

namespace Sleb.MLNet.Scoring;

/// <summary>The columns that go in and out: all of the input's at their places, then the completion, then the score.</summary>
internal sealed class ScoredSchema
{
    private readonly int? _completion;
    private readonly int? _score;

    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type.</exception>
    public ScoredSchema(DataViewSchema input, ScoringSettings settings)
    {
        Input = input;
        Text = FindText(input, settings.InputColumnName);
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        int next = input.Count;
        if (settings.OutputColumnName is not null)
        {
            builder.AddColumn(settings.OutputColumnName, TextDataViewType.Instance);
            _completion = next++;
        }
        if (settings.ScoreColumnName is not null)
        {
            builder.AddColumn(settings.ScoreColumnName, NumberDataViewType.Single);
            _score = next;
        }
        Output = builder.ToSchema();
    }

    public DataViewSchema Input { get; }

    public DataViewSchema Output { get; }

    /// <summary>The text column of the input.</summary>
    public DataViewSchema.Column Text { get; }

    public bool IsCompletion(int outputIndex) => outputIndex == _completion;

    public bool IsScore(int outputIndex) => outputIndex == _score;

    /// <summary>The input columns that these output columns need.</summary>
    public IReadOnlyList<DataViewSchema.Column> Dependencies(IEnumerable<DataViewSchema.Column> outputs)
    {
        var needed = new SortedSet<int>(outputs.Select(column => column.Index < Input.Count ? column.Index : Text.Index));
        return [.. needed.Select(index => Input[index])];
    }

    public static DataViewSchema.Column FindText(DataViewSchema input, string name)
    {
        if (input.GetColumnOrNull(name) is not { } column)
            throw new ArgumentOutOfRangeException(nameof(input), $"The data has no column '{name}'; it has {Names(input)}. Set InputColumnName to its text column.");
        if (column.Type is not TextDataViewType)
            throw new ArgumentOutOfRangeException(nameof(input), $"The column '{name}' is of type {column.Type}, but a text column (a scalar of type String) is needed.");
        return column;
    }

    private static string Names(DataViewSchema schema) =>
        schema.Count == 0 ? "none" : string.Join(", ", schema.Where(column => !column.IsHidden).Select(column => $"'{column.Name}'"));
}
