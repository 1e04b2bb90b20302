using Microsoft.ML;
using Microsoft.ML.Data;
using Sleb.MLNet.Scoring;

namespace Sleb.MLNet.Persistence;

/// <summary>Output shapes: a column's constructor is not public, so they are those of the chain that a saved pipeline consists of.</summary>
internal static class SchemaShapes
{
    /// <exception cref="ArgumentOutOfRangeException">The text column is missing or of another type.</exception>
    public static SchemaShape AfterScoring(TransformsCatalog catalog, SchemaShape input, ScoringSettings settings)
    {
        ArgumentNullException.ThrowIfNull(input);
        string name = settings.InputColumnName;
        if (input.Count(column => column.Name == name) == 0)
            throw new ArgumentOutOfRangeException(nameof(input), $"The data has no column '{name}'; it has {string.Join(", ", input.Select(column => $"'{column.Name}'"))}. Set InputColumnName to its text column.");
        var text = input.First(column => column.Name == name);
        if (text.Kind != SchemaShape.Column.VectorKind.Scalar || text.ItemType is not TextDataViewType)
            throw new ArgumentOutOfRangeException(nameof(input), $"The column '{name}' is a {text.Kind} of {text.ItemType}, but a text column (a scalar of type String) is needed.");
        return SavedChain.CreateEstimator(catalog, settings, state: "").GetOutputSchema(input);
    }
}
