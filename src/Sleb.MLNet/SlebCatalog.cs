using Sleb.Core.Calibration;
using Sleb.MLNet;
using Sleb.MLNet.Data;

namespace Microsoft.ML;

/// <summary>SLEB depth pruning of language models, and scoring with the pruned models, among ML.NET's own methods.</summary>
/// <remarks>
/// SLEB (Song et al., ICML 2024, arXiv 2402.09025) removes whole transformer blocks: the one whose absence raises the loss on
/// calibration text least, again and again. Model folders are data that native code runs; load only those you trust.
/// </remarks>
public static class SlebCatalog
{
    /// <summary>What SLEB does beside transforms: experiments.</summary>
    /// <param name="context">Where log lines go.</param>
    public static SlebOperationsCatalog Sleb(this MLContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new(context);
    }

    /// <summary>
    /// Reads a text file as data with one text column <c>Text</c>, by the rules of the command line, so that <c>Fit</c> takes the same
    /// tokens from it as <c>sleb prune</c>: a .jsonl file has a row for the string <c>text</c> of each line, any other file is one row
    /// with the whole text, every blank line, tab and leading space kept. A .gz behind either is unpacked. The text is UTF-8.
    /// </summary>
    /// <remarks><c>LoadFromTextFile</c> drops blank lines, trims and splits at tabs, so it yields other tokens.</remarks>
    /// <param name="catalog">The data operations of an <see cref="MLContext"/>.</param>
    /// <param name="path">The file. It is read when a cursor is opened, and anew by each.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static IDataView LoadSlebText(this DataOperationsCatalog catalog, string path)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        path = Path.GetFullPath(path);
        if (!File.Exists(path)) throw new FileNotFoundException($"The text file {path} does not exist.", path);
        return new TextView("Text", () => TextFile.ReadDocuments(path));
    }

    /// <summary>
    /// Prunes a language model with the text column as calibration text in <c>Fit</c>, then completes and scores the same column in
    /// <c>Transform</c>.
    /// </summary>
    /// <param name="catalog">The transforms of an <see cref="MLContext"/>.</param>
    /// <param name="options">The settings; they are copied.</param>
    /// <exception cref="ArgumentException">Settings are missing or out of range; the message names all of them.</exception>
    public static SlebPruneEstimator SlebPrune(this TransformsCatalog catalog, SlebPruneOptions options) => new(catalog, options);

    /// <summary>The same with default settings: 8 calibration windows of 512 tokens, completions of 64 tokens, on the CPU.</summary>
    /// <param name="catalog">The transforms of an <see cref="MLContext"/>.</param>
    /// <param name="outputColumnName">The new text column: what the pruned model writes after each row's text.</param>
    /// <param name="inputColumnName">The text column: calibration text in <c>Fit</c>, prompts in <c>Transform</c>.</param>
    /// <param name="modelFolder">The dense model: a Hugging Face folder or hub id, see <see cref="SlebPruneOptions.ModelFolder"/>.</param>
    /// <param name="removeBlocks">How many transformer blocks to remove.</param>
    /// <exception cref="ArgumentException">Settings are missing or out of range; the message names all of them.</exception>
    public static SlebPruneEstimator SlebPrune(
        this TransformsCatalog catalog, string outputColumnName, string inputColumnName, string modelFolder, int removeBlocks) =>
        new(catalog, new() { OutputColumnName = outputColumnName, InputColumnName = inputColumnName, ModelFolder = modelFolder, RemoveBlocks = removeBlocks });

    /// <summary>Completes and scores a text column with a model folder, pruned or not; nothing is fitted and libtorch is not needed.</summary>
    /// <param name="catalog">The transforms of an <see cref="MLContext"/>.</param>
    /// <param name="options">The settings; they are copied.</param>
    /// <exception cref="ArgumentException">Settings are missing or out of range; the message names all of them.</exception>
    public static SlebModelEstimator ApplySlebModel(this TransformsCatalog catalog, ApplySlebModelOptions options) => new(catalog, options);

    /// <summary>The same with default settings: greedy completions of 64 tokens, the score in the column NegativeLogLikelihood, on the CPU.</summary>
    /// <param name="catalog">The transforms of an <see cref="MLContext"/>.</param>
    /// <param name="outputColumnName">The new text column: what the model writes after each row's text.</param>
    /// <param name="inputColumnName">The text column with the prompts.</param>
    /// <param name="modelFolder">A decoder folder for ONNX Runtime GenAI.</param>
    /// <exception cref="ArgumentException">Settings are missing or out of range; the message names all of them.</exception>
    public static SlebModelEstimator ApplySlebModel(
        this TransformsCatalog catalog, string outputColumnName, string inputColumnName, string modelFolder) =>
        new(catalog, new() { OutputColumnName = outputColumnName, InputColumnName = inputColumnName, ModelFolder = modelFolder });
}
