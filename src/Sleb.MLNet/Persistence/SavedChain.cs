using Microsoft.ML;
using Sleb.MLNet.Data;
using Sleb.MLNet.Scoring;

namespace Sleb.MLNet.Persistence;

/// <summary>
/// ML.NET's own transforms that do what the transformer does. A third party cannot write a part of a saved model, so the transformer
/// saves itself as this chain: the state is the constant of an expression, the work a custom mapping that ML.NET finds by its contract.
/// </summary>
internal static class SavedChain
{
    public const string StateColumn = "__sleb_state";
    public const string TextColumn = "__sleb_text";
    public const string CompletionColumn = "__sleb_completion";
    public const string ScoreColumn = "__sleb_score";

    /// <summary>The chain for one model, fitted (no data is needed for that).</summary>
    public static ITransformer Create(TransformsCatalog catalog, SavedModel saved) =>
        CreateEstimator(catalog, saved.Settings, saved.ToJson()).Fit(new TextView(saved.Settings.InputColumnName, () => []));

    /// <summary>The chain before fitting: its output shape is the transformer's.</summary>
    public static IEstimator<ITransformer> CreateEstimator(TransformsCatalog catalog, ScoringSettings settings, string state)
    {
        var temporary = new List<string> { StateColumn, TextColumn };
        // Two mappings, so that only the columns somebody reads are computed.
        IEstimator<ITransformer> chain = catalog.Expression(StateColumn, $"x => {Quote(state)}", settings.InputColumnName)
            .Append(catalog.CopyColumns(TextColumn, settings.InputColumnName));
        if (settings.OutputColumnName is not null)
        {
            chain = chain.Append(catalog.CustomMapping(new CompletionMapping().GetMapping(), CompletionMapping.Contract));
            temporary.Add(CompletionColumn);
        }
        if (settings.ScoreColumnName is not null)
        {
            chain = chain.Append(catalog.CustomMapping(new ScoreMapping().GetMapping(), ScoreMapping.Contract));
            temporary.Add(ScoreColumn);
        }
        if (settings.OutputColumnName is { } output) chain = chain.Append(catalog.CopyColumns(output, CompletionColumn));
        if (settings.ScoreColumnName is { } score) chain = chain.Append(catalog.CopyColumns(score, ScoreColumn));
        return chain.Append(catalog.DropColumns([.. temporary]));
    }

    private static string Quote(string ascii) =>
        '"' + ascii.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + '"';
}
