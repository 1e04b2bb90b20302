using Microsoft.ML.Data;

namespace Sleb.MLNet.Persistence;

/// <summary>What the mappings of a loaded pipeline read. ML.NET binds it by reflection, hence public members.</summary>
internal sealed class SavedRow
{
    [ColumnName(SavedChain.StateColumn)]
    public ReadOnlyMemory<char> State { get; set; }

    [ColumnName(SavedChain.TextColumn)]
    public ReadOnlyMemory<char> Text { get; set; }
}
