using Microsoft.ML;

namespace Sleb.Samples;

/// <summary>Scores with what PruneAndSave left behind: a pipeline from its file for single questions, the model folder for many rows. No libtorch.</summary>
internal static class ApplyInProduction
{
    public static void Run(string workFolder)
    {
        var ml = new MLContext();

        // One text at a time. The pipeline's file refers to the model folder, which may lie beside the application, in the current
        // directory, under SLEB_MODEL_ROOT, or where it was.
        ITransformer pipeline = ml.Model.Load(Path.Combine(workFolder, "pruned.zip"), out _);
        var engine = ml.Model.CreatePredictionEngine<Question, Answer>(pipeline);
        var answer = engine.Predict(new Question { Text = "The old house stood at the end of the lane, and" });
        Console.WriteLine($"… and{answer.Completion.ReplaceLineEndings(" ")}");

        // Many rows: which sentence would this model of novels least expect? Completions are not read, so they are not computed.
        IDataView rows = ml.Data.LoadFromEnumerable(new[]
        {
            new Question { Text = "She took his hand and went with him into the garden." },
            new Question { Text = "He had been in the house for some time before he spoke." },
            new Question { Text = "The compiler emits a warning for each unused variable." },
        });
        using var scorer = ml.Transforms.ApplySlebModel("Completion", "Text", Path.Combine(workFolder, "tiny-novels-minus-2")).Fit(rows);
        foreach (var row in ml.Data.CreateEnumerable<Scored>(scorer.Transform(rows), reuseRowObject: false).OrderBy(row => row.NegativeLogLikelihood))
            Console.WriteLine($"{row.NegativeLogLikelihood:F2} nats per token: {row.Text}");
    }

    private class Question
    {
        public string Text { get; set; } = "";
    }

    private sealed class Answer
    {
        public string Completion { get; set; } = "";
    }

    private sealed class Scored : Question
    {
        public float NegativeLogLikelihood { get; set; }
    }
}

// Expected output:
// … and the old man was so happy to see the old man. The little girl
// 3.08 nats per token: He had been in the house for some time before he spoke.
// 3.50 nats per token: She took his hand and went with him into the garden.
// 5.39 nats per token: The compiler emits a warning for each unused variable.
