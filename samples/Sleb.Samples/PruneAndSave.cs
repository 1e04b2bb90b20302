using Microsoft.ML;
using Microsoft.ML.Runtime;
using Sleb.MLNet;

namespace Sleb.Samples;

/// <summary>Prunes a language model by two blocks and keeps it twice: as a model folder, and as an ML.NET pipeline that refers to it.</summary>
internal static class PruneAndSave
{
    public static void Run(string modelFolder, string workFolder)
    {
        var ml = new MLContext(seed: 1);
        ml.Log += (_, e) =>
        {
            if (e.Source == "SlebPrune" && e.Kind == ChannelMessageKind.Info) Console.WriteLine(e.RawMessage);
        };

        IDataView text = ml.Data.LoadSlebText(Path.Combine(modelFolder, "calibration.txt"));
        using SlebPruneTransformer pruned = ml.Transforms.SlebPrune(new SlebPruneOptions
        {
            ModelFolder = modelFolder,
            RemoveBlocks = 2,
            Windows = 4,           // few and short windows, so that the sample takes seconds; leave the defaults for a real model
            SequenceLength = 128,
            EvaluationWindows = 4,
            MaxNewTokens = 16,
        }).Fit(text);

        Console.WriteLine($"Removed {string.Join(", ", pruned.Plan.RemovedBlocks)}: perplexity {pruned.Dense.Perplexity:F1} before, {pruned.Pruned.Perplexity:F1} after.");

        pruned.SaveModelFolder(Path.Combine(workFolder, "tiny-novels-minus-2"), overwrite: true);
        ml.Model.Save(pruned, text.Schema, Path.Combine(workFolder, "pruned.zip"));
    }
}

// Expected output:
// Looking for 2 of 12 llama blocks to remove, on 4 windows of 128 tokens; 0 losses are known already.
// Round 1 of 2: block 5 goes, 3.7772 nats per token; next best is block 4, 0.0041 behind.
// Round 2 of 2: block 4 goes, 3.7943 nats per token; next best is block 3, 0.0113 behind.
// Evaluating the dense model.
// Evaluating the pruned model.
// Writing the ONNX folder.
// Evaluating the written folder.
// Removed 5, 4: perplexity 36.9 before, 38.8 after.
