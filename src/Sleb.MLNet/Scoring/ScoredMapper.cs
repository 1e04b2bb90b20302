using Microsoft.ML;
using Microsoft.ML.Data;

namespace Sleb.MLNet.Scoring;

/// <summary>The row-by-row form, for prediction engines and chains.</summary>
internal sealed class ScoredMapper(ScoredSchema schema, RowScorer scorer) : IRowToRowMapper
{
    public DataViewSchema InputSchema => schema.Input;

    public DataViewSchema OutputSchema => schema.Output;

    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns) =>
        schema.Dependencies(dependingColumns);

    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns) =>
        new ScoredRow(input, schema, activeColumns.Select(column => column.Index).ToHashSet(), scorer);
}
