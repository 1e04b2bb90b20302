using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;
using Sleb.Core.Plan;
using Sleb.Core.Search;
using Sleb.MLNet.Memory;
using Sleb.MLNet.Reporting;
using Sleb.Onnx;
using Sleb.Onnx.Runtime;
using Sleb.Torch.Natives;
using Sleb.Torch.Scoring;
using Sleb.Torch.Streaming;

namespace Sleb.MLNet.Pruning;

/// <summary>The main job: checkpoint and text in, plan and checked ONNX folder out.</summary>
internal sealed class PruneJob
{
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
        FolderPruneJob.IsFor(request) ? FolderPruneJob.Run(request, progress ?? (_ => { }), cancellationToken)
            : new PruneJob(request, progress, cancellationToken).Run();

    private PruneResult Run()
    {
        using var checkpoint = Checkpoint.Open(_request.ModelFolder);
        var family = checkpoint.RequireFamily();
        SlebSearch.CheckBarriers(checkpoint.Config.NumHiddenLayers, _request.RemoveBlocks, _request.EarlyBarrier, _request.LateBarrier);
        var text = PruneText.Read(checkpoint.Folder, checkpoint.Config.MaxPositionEmbeddings, checkpoint.Config.VocabSize, _request, message => _tell(new PruneEvent.Warning(message)));
        var identity = _request.Identity(checkpoint.Fingerprint, family.ModelType, checkpoint.Config.NumHiddenLayers, text.Calibration, text.SequenceLength);
        var folders = PruneFolders.Choose(_request, identity);
        int? gpu = ChooseDevice();
        var (target, precision) = _request.FolderFor(gpu);
        var export = new ExportRequest
        {
            Checkpoint = checkpoint,
            RemovedBlocks = [], // decided below
            OutFolder = folders.Out,
            Target = target,
            Precision = precision,
            Form = _request.Form,
            Overwrite = _request.Overwrite,
            CalibrationFingerprint = identity.CalibrationFingerprint,
        };
        if (!_request.PlanOnly) OnnxExporter.CheckBeforeSearch(export, _request.RemoveBlocks, capped: _request.Memory is not null);
        identity = identity with { Arithmetic = _request.Arithmetic ?? RunTrace.ArithmeticOf(folders.Run) ?? FasterArithmetic.Measure(gpu, checkpoint.Config.HiddenSize, streamed: _request.Memory is not null) };

        CheckArithmetic(identity.Arithmetic, gpu);

        using var model = Open(checkpoint, identity, text, gpu);
        var scorer = model.Scorer(text.Calibration, identity.Arithmetic);
        BlockPlan plan;
        using (scorer as IDisposable) plan = SearchRun.Run(scorer, identity, folders, _request.RemoveBlocks, _tell, _cancellationToken);
        var result = EvaluationRun.Run(_request, plan, text, folders, alive => model.WindowNll(text.Evaluation, alive, _cancellationToken), _tell);
        return _request.PlanOnly ? result : Ship(export, model, gpu, text, result);
    }

    /// <summary>Also where a run goes on that was started elsewhere.</summary>
    private void CheckArithmetic(Arithmetic arithmetic, int? gpu)
    {
        if (arithmetic is not (Arithmetic.Int8 or Arithmetic.Int8Bf16)) return;
        string? missing = _request.Memory is not null ? "the whole model in memory, so it does not go with a memory cap"
            : gpu is not null ? "the CPU, so it does not go with a GPU"
            : Int8Matrix.IsAvailable ? null : "libtorch's eight-bit products, which are not there on this system";
        if (missing is not null) throw new ArgumentException($"Screening in int8 needs {missing}; give bf16 or fp32 for the arithmetic, and another run folder where this one was started in int8.");
    }

    private IJobModel Open(Checkpoint checkpoint, SearchIdentity identity, PruneText text, int? gpu)
    {
        bool lower = identity.Arithmetic == Arithmetic.Bf16;
        if (_request.Memory is { } cap)
        {
            var streamed = new StreamedModel(checkpoint, lower);
            try
            {
                var budget = MemoryBudget.Of(cap, checkpoint, streamed, text.Calibration.Concat(text.Evaluation).Max(ids => ids.Length));
                _tell(new PruneEvent.Memory(budget.Plan(identity.Windows, identity.Blocks - identity.EarlyBarrier - identity.LateBarrier)));
                return new StreamedJobModel(streamed, budget);
            }
            catch
            {
                streamed.Dispose();
                throw;
            }
        }
        var model = TorchModel.Load(checkpoint, gpu, _cancellationToken);
        if (lower) model.Lower(checkpoint);
        return new LoadedJobModel(model);
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

    private PruneResult Ship(ExportRequest request, IJobModel model, int? gpu, PruneText text, PruneResult result)
    {
        _tell(new PruneEvent.Phase("writing the ONNX folder"));
        var card = ModelCard.Of(_request, result, request.Checkpoint.Folder, CommandText.Form(request.Target, request.Precision, request.Form));
        var export = OnnxExporter.Export(model.Checked(request, result.Plan.Survivors) with
        {
            RemovedBlocks = result.Plan.RemovedBlocks,
            DensePerplexity = result.Dense.Perplexity,
            PrunedPerplexity = result.Pruned.Perplexity,
            Card = card.Text,
        }, _cancellationToken);

        foreach (string note in export.Notes) _tell(new PruneEvent.Warning(note));
        int? device = request.Target == "cuda" ? gpu : null;
        result = result with { Folder = request.OutFolder, GpuDeviceId = device };
        if (!model.MayLoad(export.Bytes))
        {
            _tell(new PruneEvent.Warning($"The written folder ({MemoryBudget.Text(export.Bytes)}) does not fit the memory cap when it is loaded, so its perplexity was not measured; each of its blocks was compared with the checkpoint's."));
            return result;
        }
        _tell(new PruneEvent.Phase("evaluating the written folder"));
        using var shipped = GenAIModel.LoadIfItRuns(export.Folder, device, _request.FallbackToCpu || device is null);
        if (shipped is null)
        {
            if (export.AlreadyThere) _tell(new PruneEvent.Warning(ExportResult.NotRunHere(request.Precision))); // else it is one of the notes
            return result;
        }
        var losses = text.Evaluation.Select(ids => shipped.TokenNll(ids, _cancellationToken).Average()).ToList();
        result = result with { Shipped = NllSummary.Of(text.Evaluation, losses) };
        card.Complete(export.Folder, export.Provenance, result.Shipped.Perplexity);
        return result with { Continuation = Continue(request.Checkpoint, model, shipped, text) };
    }

    private PruneResult.Sample? Continue(Checkpoint checkpoint, IJobModel dense, GenAIModel pruned, PruneText text)
    {
        if (_request.SampleTokens == 0 || text.Tokenizer is not { } tokenizer) return null;
        _tell(new PruneEvent.Phase("continuing a prompt with both models"));
        int[] prompt = text.SamplePrompt;
        if (dense.Greedy(prompt, _request.SampleTokens, [.. checkpoint.Config.EosTokenIds], _cancellationToken) is not { } denseIds) return null;
        var prunedIds = pruned.Generate(prompt, new GenerationOptions { MaxNewTokens = _request.SampleTokens }, null, _cancellationToken);
        return new(tokenizer.Decode(prompt), tokenizer.Decode(denseIds), tokenizer.Decode(prunedIds));
    }
}
