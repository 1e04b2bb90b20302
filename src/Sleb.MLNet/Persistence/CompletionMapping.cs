using Microsoft.ML.Data;
using Microsoft.ML.Transforms;

namespace Sleb.MLNet.Persistence;

/// <summary>The completion column of a loaded pipeline; ML.NET finds this class by its contract name.</summary>
[CustomMappingFactoryAttribute(Contract)]
internal sealed class CompletionMapping : CustomMappingFactory<SavedRow, CompletionMapping.Row>
{
    public const string Contract = "Sleb.MLNet.Completion";

    public sealed class Row
    {
        [ColumnName(SavedChain.CompletionColumn)]
        public ReadOnlyMemory<char> Completion { get; set; }
    }

    public override Action<SavedRow, Row> GetMapping() =>
        static (row, result) => result.Completion = SavedModels.Open(row.State).Complete(row.Text.ToString()).AsMemory();
}
