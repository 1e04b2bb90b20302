using Sleb.Core.Artifacts;
using Sleb.Core.Evaluation;
using Sleb.Core.Search;
using Sleb.MLNet.Reporting;
using Sleb.Onnx.GenAI;
using Sleb.Onnx.Runtime;
using Sleb.Onnx.Scoring;
using Sleb.Onnx.Surgery;

namespace Sleb.MLNet.Pruning;

/// <summary>The main job on a folder that ships: ONNX Runtime GenAI folder and text in, plan and smaller folder out, without a checkpoint or libtorch.</summary>
internal static class FolderPruneJob
{
    public static bool IsFor(PruneRequest request) => File.Exists(Path.Combine(request.ModelFolder, GenAIConfig.FileName));

    public static PruneResult Run(PruneRequest request, Action<PruneEvent> tell, CancellationToken cancellationToken)
    {
        CheckSettings(request, tell);
        string folder = Path.GetFullPath(request.ModelFolder);
        using var model = OrtBlockModel.Load(folder, cancellationToken);
        SlebSearch.CheckBarriers(model.BlockCount, request.RemoveBlocks, request.EarlyBarrier, request.LateBarrier);
        var config = GenAIConfig.Read(folder);
        var text = PruneText.Read(folder, config.ContextLength, config.VocabSize, request, message => tell(new PruneEvent.Warning(message)));
        var identity = request.Identity(FolderFingerprint.Compute(folder), model.Package.Family, model.BlockCount, text.Calibration, text.SequenceLength);
        var folders = PruneFolders.Choose(request, identity);
        var surgery = new SurgeryRequest
        {
            Folder = folder,
            RemovedBlocks = [], // decided below
            OutFolder = folders.Out,
            Overwrite = request.Overwrite,
            CalibrationFingerprint = identity.CalibrationFingerprint,
        };
        if (!request.PlanOnly) BlockSurgery.CheckBeforeSearch(surgery, request.RemoveBlocks);

        var plan = SearchRun.Run(new OrtBlockScorer(model, text.Calibration), identity, folders, request.RemoveBlocks, tell, cancellationToken);
        var result = EvaluationRun.Run(request, plan, text, folders, alive => model.WindowNll(text.Evaluation, alive, cancellationToken), tell);
        return request.PlanOnly ? result
            : Ship(surgery with { RemovedBlocks = plan.RemovedBlocks, DensePerplexity = result.Dense.Perplexity, PrunedPerplexity = result.Pruned.Perplexity }, request, text, result, tell, cancellationToken);
    }

    private static void CheckSettings(PruneRequest request, Action<PruneEvent> tell)
    {
        if (request.Memory is not null) throw new ArgumentException("A memory cap is for a Hugging Face folder; an ONNX Runtime GenAI folder is mapped whole.");
        if (request.Arithmetic is not (null or Arithmetic.Fp32)) throw new ArgumentException("An ONNX Runtime GenAI folder is scored in its own arithmetic; bf16 and int8 are for a Hugging Face folder.");
        if (request.GpuDeviceId is not { } gpu) return;
        string sentence = $"GPU {gpu} was asked for, but blocks of an ONNX Runtime GenAI folder are scored on the CPU";
        if (!request.FallbackToCpu) throw new InvalidOperationException($"{sentence}; leave the GPU id out, or set FallbackToCpu.");
        tell(new PruneEvent.Warning($"Using the CPU instead. {sentence}."));
    }

    private static PruneResult Ship(SurgeryRequest surgery, PruneRequest request, PruneText text, PruneResult result, Action<PruneEvent> tell, CancellationToken cancellationToken)
    {
        tell(new PruneEvent.Phase("writing the ONNX folder"));
        var card = ModelCard.Of(request, result, surgery.Folder, form: "");
        var written = BlockSurgery.Remove(surgery with { Card = card.Text }, cancellationToken);
        foreach (string note in written.Notes) tell(new PruneEvent.Warning(note));
        tell(new PruneEvent.Phase("evaluating the written folder"));
        using var shipped = GenAIModel.Load(written.Folder, fallbackToCpu: true);
        result = result with
        {
            Folder = surgery.OutFolder,
            Shipped = NllSummary.Of(text.Evaluation, [.. text.Evaluation.Select(ids => shipped.TokenNll(ids, cancellationToken).Average())]),
        };
        card.Complete(written.Folder, written.Provenance, result.Shipped.Perplexity);
        return result with { Continuation = Continue(surgery.Folder, shipped, request.SampleTokens, text, tell, cancellationToken) };
    }

    private static PruneResult.Sample? Continue(string folder, GenAIModel pruned, int tokens, PruneText text, Action<PruneEvent> tell, CancellationToken cancellationToken)
    {
        if (tokens == 0 || text.Tokenizer is not { } tokenizer) return null;
        tell(new PruneEvent.Phase("continuing a prompt with both models"));
        using var dense = GenAIModel.Load(folder, fallbackToCpu: true);
        int[] prompt = text.SamplePrompt;
        var options = new GenerationOptions { MaxNewTokens = tokens };
        return new(tokenizer.Decode(prompt), tokenizer.Decode(dense.Generate(prompt, options, null, cancellationToken)), tokenizer.Decode(pruned.Generate(prompt, options, null, cancellationToken)));
    }
}
