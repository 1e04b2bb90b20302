using System.Globalization;
using Sleb.Core.Artifacts;
using Sleb.Core.Evaluation;
using Sleb.Core.Hub;
using Sleb.Core.Plan;
using Sleb.MLNet.Pruning;

namespace Sleb.MLNet.Reporting;

/// <summary>
/// The README.md of a written folder, in the form that the Hugging Face hub reads: what the model is, which blocks stay, how sure the
/// decisions were, and the call that leads there again. It holds no path, time or machine.
/// </summary>
internal sealed record ModelCard
{
    /// <summary>The folder of the model that the blocks were taken from.</summary>
    public required string BaseFolder { get; init; }

    /// <summary>The calls that lead to the folder, a line each.</summary>
    public required string Command { get; init; }

    /// <summary>The search that chose the blocks; null where the user named them, or none went.</summary>
    public BlockPlan? Plan { get; init; }

    /// <summary>What chose the blocks, as a name; null where there is no plan or it is not known.</summary>
    public string? CalibrationText { get; init; }

    /// <summary>What the perplexities were measured on, as a name.</summary>
    public string? EvaluationText { get; init; }

    /// <summary>The dense model's losses on that, and those that each removal left; empty where it is the calibration text.</summary>
    public IReadOnlyList<NllSummary?> Measured { get; init; } = [];

    /// <summary>Windows and tokens of it, and the dense model's losses.</summary>
    public NllSummary? Dense { get; init; }

    /// <summary>Perplexity of the folder itself.</summary>
    public double? ShippedPerplexity { get; init; }

    /// <summary>The card of what the main job writes.</summary>
    /// <param name="form">From <see cref="CommandText.Form"/>; empty for a folder that is cut, whose form is no choice.</param>
    public static ModelCard Of(PruneRequest request, PruneResult result, string baseFolder, string form) => new()
    {
        BaseFolder = baseFolder,
        Command = CommandText.Prune(result.Plan, ModelSource.IdOf(baseFolder), request, result.EvaluationText, form),
        Plan = result.Plan,
        CalibrationText = request.Calibration.Name,
        EvaluationText = result.EvaluationText,
        Measured = result.Measured,
        Dense = result.Dense,
    };

    public string Text(Provenance model)
    {
        var origin = BaseModel.Of(BaseFolder);
        using var card = new StringWriter(CultureInfo.InvariantCulture);
        FrontMatter(card, origin, model);
        card.Write($"\n# {Title(origin, model)}\n\n{Introduction(model)}\n");
        Perplexities(card, model);
        Blocks(card, origin, model);
        if (Plan is not null && Plan.Removals.Count > 0) Decisions(card, Plan, Measured);
        Recipe(card, model);
        card.Write($"\n## Licence\n\n{Licence(origin)}\n");
        return card.ToString();
    }

    /// <summary>Adds the folder's own perplexity, which is measured when the folder stands; a card that somebody changed is left as it is.</summary>
    public void Complete(string folder, Provenance model, double shippedPerplexity)
    {
        string path = Path.Combine(folder, Provenance.CardFileName);
        if (!File.Exists(path) || File.ReadAllText(path) != Text(model)) return;
        WholeFile.Write(path, (this with { ShippedPerplexity = shippedPerplexity }).Text(model));
    }

    private static void FrontMatter(StringWriter card, BaseModel origin, Provenance model)
    {
        bool onnx = model.Artifact == "onnx";
        card.Write($"---\nbase_model: {origin.Yaml}\n");
        foreach (string line in origin.LicenceLines) card.Write(line + '\n');
        card.Write($"library_name: {(onnx ? "onnxruntime-genai" : "transformers")}\npipeline_tag: text-generation\ntags:\n");
        string[] tags = [.. onnx ? ["onnx"] : Array.Empty<string>(), .. model.RemovedBlocks.Count > 0 ? ["pruned", "depth-pruning", "sleb"] : Array.Empty<string>()];
        foreach (string tag in tags.DefaultIfEmpty("text-generation")) card.Write($"- {tag}\n");
        card.Write("---\n");
    }

    private static string Title(BaseModel origin, Provenance model) =>
        model.RemovedBlocks.Count > 0 ? $"{origin.Name} without {model.RemovedBlocks.Count} of its {model.Blocks} blocks" : origin.Name;

    private static string Introduction(Provenance model)
    {
        string form = model.Artifact == "onnx" ? $"an ONNX Runtime GenAI folder for {model.Target} in {model.Precision}" : $"a Hugging Face checkpoint in {model.Precision}";
        string weights = model.Quantization is { } quantization ? $"Its weights are the base model's as {model.Precision} ({quantization})" : "Its weights are the base model's";
        return $"A `{model.Family}` model of {model.Survivors.Count} transformer blocks, as {form}. {weights}"
            + (model.RemovedBlocks.Count > 0 ? "; nothing was trained after whole blocks were taken out." : "; no block was taken out.");
    }

    private void Perplexities(StringWriter card, Provenance model)
    {
        if (model.DensePerplexity is not { } dense || model.PrunedPerplexity is not { } pruned) return;
        card.Write("\n| | perplexity | |\n| --- | ---: | ---: |\n");
        card.Write($"| dense | {Figures.Perplexity(dense)} | |\n| without the blocks | {Figures.Perplexity(pruned)} | {Figures.Percent(dense, pruned)} |\n");
        if (ShippedPerplexity is { } shipped) card.Write($"| this folder | {Figures.Perplexity(shipped)} | {Figures.Percent(dense, shipped)} |\n");
        string text = EvaluationText is null ? "a text that is not named here" : Name(EvaluationText);
        string windows = Dense is null ? "" : $", {Figures.Count(Dense.WindowNll.Count)} windows of {Figures.Count(Dense.Tokens)} tokens in all";
        card.Write($"\nMeasured on {text}{windows}. The first two are the base model as it was given{(ShippedPerplexity is null ? "" : ", the last is this folder through ONNX Runtime GenAI")}.\n");
    }

    private static void Blocks(StringWriter card, BaseModel origin, Provenance model)
    {
        card.Write("\n## Blocks\n\nNumbers are those of the base model, from 0.\n\n");
        card.Write($"- Drop, in the order of removal: {(model.RemovedBlocks.Count > 0 ? Figures.List(model.RemovedBlocks) : "none")}\n- Keep: {Figures.List(model.Survivors)}\n");
        card.Write($"\nThe same as a passthrough merge, as mergekit writes it:\n\n```yaml\n{MergeSlices.Yaml(origin.Yaml, model.Survivors)}```\n");
    }

    private static void Decisions(StringWriter card, BlockPlan plan, IReadOnlyList<NllSummary?> measured)
    {
        card.Write($"\n## Decisions\n\n{HonestyPanel.NearTies(plan)} Losses are in nats per token on the calibration text (dense {Figures.Nats(plan.DenseMeanNll)}), margins in {HonestyPanel.Units(plan)}.\n\n");
        string[] head = HonestyPanel.DecisionsHead(measured);
        card.Write($"| {string.Join(" | ", head).ToLowerInvariant()} |\n|{string.Concat(head.SkipLast(1).Select(_ => " ---: |"))} --- |\n");
        foreach (string[] row in HonestyPanel.Decisions(plan, measured)) card.Write($"| {string.Join(" | ", row)} |\n");
    }

    private void Recipe(StringWriter card, Provenance model)
    {
        card.Write($"\n## Recipe\n\n```sh\n{Command}\n```\n\n| | |\n| --- | --- |\n| base model's fingerprint | `{model.BaseFingerprint}` |\n");
        if (model.CalibrationFingerprint is { } fingerprint) card.Write($"| calibration fingerprint | `{fingerprint}` |\n");
        if (Plan?.Search is { } search)
            card.Write($"| calibration | {(CalibrationText is null ? "" : Name(CalibrationText) + ", ")}{search.Windows} windows of {search.SequenceLength} tokens |\n");
        card.Write("| method | SLEB (Song et al., ICML 2024, [arXiv 2402.09025](https://arxiv.org/abs/2402.09025)) |\n");
    }

    private static string Licence(BaseModel origin)
    {
        string[] said =
        [
            .. origin.LicenceLines.Select(line => $"The base model's card says `{line}`."),
            .. origin.LicenceFiles.Count > 0 ? [$"The base model's folder holds {string.Join(", ", origin.LicenceFiles)}."] : Array.Empty<string>(),
        ];
        return said.Length > 0 ? string.Join(" ", said) : "The base model's files name none; it is to be found where that model came from.";
    }

    /// <summary>A file's name without its path.</summary>
    private static string Name(string text) => Path.GetFileName(text);
}
