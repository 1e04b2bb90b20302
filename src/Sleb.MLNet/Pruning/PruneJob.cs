using Sleb.Core.Calibration;
using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;
using Sleb.Core.Plan;
using Sleb.Core.Search;
using Sleb.Onnx;
using Sleb.Onnx.Runtime;
using Sleb.Torch.Scoring;

namespace Sleb.MLNet.Pruning;

/// <summary>The main job: checkpoint and text in, plan and checked ONNX folder out.</summary>
internal sealed class PruneJob
{
    /// <summary>Tokens of the evaluation text that both models continue.</summary>
    private const int SamplePromptTokens = 12;

    private readonly PruneRequest _request;
    private readonly Action<PruneEvent> _tell;
    private readonly CancellationToken _cancellationToken;

    private PruneJob(PruneRequest request, Action<PruneEvent>? progress, CancellationToken cancellationToken)
    {
        _request = request;
        _tell = progress ?? (_ => { });
        _cancellationToken = cancellationToken;
    }

    /// <summary>Runs the job, or continues it where the run folder says it was stopped.</summary>
    /// <exception cref="CheckpointException">The model, the text's windows, or a file of the run folder is not usable.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The barriers leave fewer blocks than are to be removed.</exception>
    /// <exception cref="InvalidOperationException">The GPU asked for is not there, or nothing finite could be measured.</exception>
    /// <exception cref="IOException">The target holds something else, or cannot be written.</exception>
    public static PruneResult Run(PruneRequest request, Action<PruneEvent>? progress, CancellationToken cancellationToken) =>
        new PruneJob(request, progress, cancellationToken).Run();

    private PruneResult Run()
    {
        using var checkpoint = Checkpoint.Open(_request.ModelFolder);
        var family = checkpoint.RequireFamily();
        SlebSearch.CheckBarriers(checkpoint.Config.NumHiddenLayers, _request.RemoveBlocks, _request.EarlyBarrier, _request.LateBarrier);
        var text = PruneText.Read(checkpoint, _request, message => _tell(new PruneEvent.Warning(message)));
        var identity = new SearchIdentity
        {
            ModelFingerprint = checkpoint.Fingerprint,
            Family = family.ModelType,
            Blocks = checkpoint.Config.NumHiddenLayers,
            CalibrationFingerprint = TokenWindows.Fingerprint(text.Calibration),
            Windows = text.Calibration.Count,
            SequenceLength = text.SequenceLength,
            EarlyBarrier = _request.EarlyBarrier,
            LateBarrier = _request.LateBarrier,
        };
        var folders = PruneFolders.Choose(_request, identity);
        var export = new ExportRequest
        {
            Checkpoint = checkpoint,
            RemovedBlocks = [], // decided below
            OutFolder = folders.Out,
            Target = _request.Target,
            Precision = _request.Precision,
            Form = _request.Form,
            Overwrite = _request.Overwrite,
            CalibrationFingerprint = identity.CalibrationFingerprint,
        };
        if (!_request.PlanOnly) OnnxExporter.CheckBeforeSearch(export, _request.RemoveBlocks);
        int? gpu = ChooseDevice();

        using var model = TorchModel.Load(checkpoint, gpu, _cancellationToken);
        var plan = Search(new TorchBlockScorer(model, text.Calibration), identity, folders);
        var (dense, pruned) = Evaluate(model, plan, text.Evaluation);
        var result = new PruneResult
        {
            Plan = plan,
            PlanPath = folders.Plan,
            EvaluationText = text.EvaluationName,
            Dense = dense,
            Pruned = pruned,
        };
        return _request.PlanOnly ? result : Ship(export, model, gpu, text, result);
    }

    private int? ChooseDevice()
    {
        try
        {
            TorchDevice.Get(_request.GpuDeviceId);
            return _request.GpuDeviceId;
        }
        catch (InvalidOperationException e) when (_request.FallbackToCpu)
        {
            _tell(new PruneEvent.Warning($"Using the CPU instead. {e.Message}"));
            return null;
        }
    }

    private BlockPlan Search(IBlockScorer scorer, SearchIdentity identity, PruneFolders folders)
    {
        using var trace = RunTrace.Open(folders.Run, identity);
        _tell(new PruneEvent.Started(identity, _request.RemoveBlocks, folders.Run, trace.Resumed));
        var search = new SlebSearch(scorer, identity.EarlyBarrier, identity.LateBarrier, trace);
        var removals = new List<Removal>();
        foreach (var removal in search.Run(_request.RemoveBlocks, progress => _tell(new PruneEvent.Scored(progress)), _cancellationToken))
        {
            removals.Add(removal);
            _tell(new PruneEvent.Decided(removals.Count, _request.RemoveBlocks, removal));
            if (removal.IsNearTie)
                _tell(new PruneEvent.Warning(FormattableString.Invariant(
                    $"Round {removals.Count} is a near-tie: block {removal.Block} beats block {removal.RunnerUp} by {removal.Margin:F4} nats, within the standard error of {removal.MarginStandardError:F4}; other calibration text may choose otherwise.")));
        }
        var plan = new BlockPlan
        {
            Search = identity,
            DenseMeanNll = search.DenseLoss(_cancellationToken).MeanNll,
            Removals = removals,
            Survivors = Survivors.After(identity.Blocks, [.. removals.Select(removal => removal.Block)]),
        };
        plan.Save(folders.Plan);
        return plan;
    }

    private (NllSummary Dense, NllSummary Pruned) Evaluate(TorchModel model, BlockPlan plan, IReadOnlyList<int[]> windows)
    {
        _tell(new PruneEvent.Phase("evaluating the dense model"));
        var dense = NllSummary.Of(windows, model.WindowNll(windows, null, _cancellationToken));
        _tell(new PruneEvent.Phase("evaluating the pruned model"));
        return (dense, NllSummary.Of(windows, model.WindowNll(windows, plan.Survivors, _cancellationToken)));
    }

    private PruneResult Ship(ExportRequest request, TorchModel model, int? gpu, PruneText text, PruneResult result)
    {
        _tell(new PruneEvent.Phase("writing the ONNX folder"));
        var export = OnnxExporter.Export(request with
        {
            RemovedBlocks = result.Plan.RemovedBlocks,
            DensePerplexity = result.Dense.Perplexity,
            PrunedPerplexity = result.Pruned.Perplexity,
            ReferenceLogits = ids => model.Logits(ids, result.Plan.Survivors),
        }, _cancellationToken);

        foreach (string note in export.Notes) _tell(new PruneEvent.Warning(note));
        if (!export.RanHere) return result with { Folder = request.OutFolder };
        _tell(new PruneEvent.Phase("evaluating the written folder"));
        using var shipped = GenAIModel.Load(export.Folder, _request.Target == "cuda" ? gpu : null, _request.FallbackToCpu || gpu is null);
        var losses = text.Evaluation.Select(ids => shipped.TokenNll(ids, _cancellationToken).Average()).ToList();
        return result with
        {
            Folder = request.OutFolder,
            Shipped = NllSummary.Of(text.Evaluation, losses),
            Continuation = Continue(request.Checkpoint, model, shipped, text),
        };
    }

    private PruneResult.Sample? Continue(Checkpoint checkpoint, TorchModel dense, GenAIModel pruned, PruneText text)
    {
        if (_request.SampleTokens == 0 || text.Tokenizer is not { } tokenizer) return null;
        _tell(new PruneEvent.Phase("continuing a prompt with both models"));
        int[] prompt = text.Evaluation[0][..Math.Min(SamplePromptTokens, text.Evaluation[0].Length)];
        var denseIds = dense.Greedy(prompt, _request.SampleTokens, [.. checkpoint.Config.EosTokenIds], null, _cancellationToken);
        var prunedIds = pruned.Generate(prompt, new GenerationOptions { MaxNewTokens = _request.SampleTokens }, null, _cancellationToken);
        return new(tokenizer.Decode(prompt), tokenizer.Decode(denseIds), tokenizer.Decode(prunedIds));
    }
}
