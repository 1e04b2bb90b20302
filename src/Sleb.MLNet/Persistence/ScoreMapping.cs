using Microsoft.ML.Data;
using Microsoft.ML.Transforms;

namespace Sleb.MLNet.Persistence;

/// <summary>The score column of a loaded pipeline; ML.NET finds this class by its contract name.</summary>
[CustomMappingFactoryAttribute(Contract)]
internal sealed class ScoreMapping : CustomMappingFactory<SavedRow, ScoreMapping.Row>
{
    public const string Contract = "Sleb.MLNet.Score";

    public sealed class Row
    {
        [ColumnName(SavedChain.ScoreColumn)]
        public float Score { get; set; }
    }

    public override Action<SavedRow, Row> GetMapping() =>
        static (row, result) => result.Score = SavedModels.Open(row.State).NegativeLogLikelihood(row.Text.ToString());
}
