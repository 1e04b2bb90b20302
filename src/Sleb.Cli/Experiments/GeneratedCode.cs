using System.Globalization;
using Sleb.Cli.Output;
using Sleb.MLNet;

namespace Sleb.Cli.Experiments;

/// <summary>C# that uses the chosen model, and C# that makes it again; each is one file for a project that references Sleb.MLNet and Sleb.MLNet.Cpu.</summary>
internal static class GeneratedCode
{
    public const string ConsumptionFile = "Sleb.Consumption.cs", PruningFile = "Sleb.Pruning.cs";

    public static string Consumption(SlebTrialResult best, string folder) => $$"""
        // Written by 'sleb experiment': the chosen model, {{Chosen(best)}}.
        using Microsoft.ML;
        using Sleb.MLNet;

        /// <summary>One text in; out comes what the model writes after it, and how likely the text was.</summary>
        public static class SlebModel
        {
            /// <summary>Where the model lies: give its place on the machine that runs this, before the first call.</summary>
            public static string ModelFolder { get; set; } = {{Text(folder)}};

            private static readonly Lazy<PredictionEngine<ModelInput, ModelOutput>> Engine = new(CreateEngine);

            /// <summary>Completes and scores one text; calls from several threads wait for each other.</summary>
            public static ModelOutput Predict(ModelInput input)
            {
                lock (Engine) return Engine.Value.Predict(input);
            }

            /// <summary>Completes and scores many texts together, which is faster; a value is computed when it is read.</summary>
            public static IEnumerable<ModelOutput> Predict(MLContext ml, IEnumerable<ModelInput> inputs) =>
                ml.Data.CreateEnumerable<ModelOutput>(Load(ml).Transform(ml.Data.LoadFromEnumerable(inputs)), reuseRowObject: false);

            private static PredictionEngine<ModelInput, ModelOutput> CreateEngine()
            {
                var ml = new MLContext();
                return ml.Model.CreatePredictionEngine<ModelInput, ModelOutput>(Load(ml));
            }

            private static SlebModelTransformer Load(MLContext ml) => ml.Transforms
                .ApplySlebModel(new ApplySlebModelOptions { ModelFolder = ModelFolder, MaxNewTokens = 64 })
                .Fit(ml.Data.LoadFromEnumerable(Array.Empty<ModelInput>()));

            public class ModelInput
            {
                public string Text { get; set; } = "";
            }

            public class ModelOutput
            {
                /// <summary>What the model writes after the text.</summary>
                public string Completion { get; set; } = "";

                /// <summary>Of the text, mean nats per token.</summary>
                public float NegativeLogLikelihood { get; set; }
            }
        }

        """;

    /// <param name="model">The dense model's folder or hub id.</param>
    /// <param name="calibration">The text that decided.</param>
    /// <param name="evaluation">The text for the perplexities; null where it is found beside the model, or is the calibration text.</param>
    public static string Pruning(SlebTrialResult best, SessionSettings session, string model, string calibration, string? evaluation, string folder) => $$"""
        // Written by 'sleb experiment': makes the chosen model again, {{Chosen(best)}}.
        // Removed blocks, in order: {{string.Join(", ", best.RemovedBlocks)}}.
        using Microsoft.ML;
        using Sleb.Core.Search;
        using Sleb.MLNet;

        /// <summary>The pipeline that led to the chosen model.</summary>
        public static class SlebPruning
        {
            /// <summary>Searches the blocks, removes them, and writes the model to <paramref name="outFolder"/>.</summary>
            public static SlebPruneTransformer Fit(MLContext ml, string outFolder = {{Text(folder)}})
            {
                IDataView text = ml.Data.LoadSlebText({{Text(calibration)}});
                return ml.Transforms.SlebPrune(new SlebPruneOptions
                {
                    ModelFolder = {{Text(model)}},
                    RemoveBlocks = {{Number(best.Settings.RemoveBlocks)}},
                    Windows = {{Number(best.Settings.Windows)}},
                    SequenceLength = {{Number(best.Settings.SequenceLength)}},
                    Metric = SearchMetric.{{best.Settings.Metric}},
                    Effort = SearchEffort.{{session.Space.Effort}},
                    Precision = {{Text(best.Settings.Precision)}},
                    EvaluationFile = {{(evaluation is null ? "null" : Text(evaluation))}},
                    EvaluationWindows = {{Number(session.EvaluationWindows)}},
                    OutFolder = outFolder,
                }).Fit(text);
            }
        }

        """;

    private static string Chosen(SlebTrialResult best) => FormattableString.Invariant(
        $"{ExperimentTable.Blocks(best.Settings.RemoveBlocks)} removed, {best.Settings.Precision}, perplexity {best.Perplexity:0.00} ({best.PerplexityRise * 100:+0.0;-0.0} %)");

    private static string Text(string value) => $"@\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
